import RelayCore
import Testing

@testable import RelayWebhook

@Suite("The URL of an endpoint")
struct EndpointURLTests {
    private func parse(_ text: String) throws -> EndpointURL { try EndpointURL(text, variable: "DESTINATION_URL") }

    @Test("host, port and scheme")
    func parts() throws {
        let plain = try parse("http://billing.example/hooks?x=1#there")
        #expect(plain.host == "billing.example" && plain.port == 80 && !plain.isSecure)
        #expect(plain.authority == "billing.example" && plain.url.absoluteString == "http://billing.example/hooks?x=1")
        let secure = try parse("HTTPS://billing.example:8443")
        #expect(secure.port == 8443 && secure.isSecure && secure.authority == "billing.example:8443")
        #expect(try parse("https://a/").port == 443)
        let six = try parse("http://[2001:db8::1]:81/x")
        #expect(six.host == "2001:db8::1" && six.authority == "[2001:db8::1]:81")
        #expect(six.literal == IPAddress("2001:db8::1"))
        #expect(try parse("http://2852039166/").literal == IPAddress("169.254.169.254"))
        #expect(try parse("https://bücher.example/").host == "xn--bcher-kva.example")
    }

    @Test("user name and password become a header and nothing else")
    func userinfo() throws {
        let url = try parse("https://ann:s%40cret%2F@billing.example/x")
        #expect(url.basicAuthorization == "Basic YW5uOnNAY3JldC8=")
        #expect(!url.url.absoluteString.contains("cret") && !url.authority.contains("ann"))
        #expect(try parse("https://ann@billing.example/").basicAuthorization == "Basic YW5uOg==")
        #expect(try parse("https://billing.example/").basicAuthorization == nil)
    }

    @Test("this machine is recognised by name and address")
    func loopback() throws {
        for host in ["localhost", "127.0.0.1", "127.1", "[::1]", "api.localhost", "[::ffff:127.0.0.1]"] {
            #expect(try parse("http://\(host)/").isLoopback, "\(host)")
        }
        for host in ["billing.example", "10.0.0.1", "localhost.example", "[::2]"] {
            #expect(try !parse("http://\(host)/").isLoopback, "\(host)")
        }
    }

    @Test(
        "what is no address of a webhook is a configuration error that does not repeat it",
        arguments: [
            "", "nonsense.example", "ftp://billing.example/", "http://", "http:///hooks", "https://:443/",
            "http://billing.example:0/", "http://billing.example:70000/", "http://bill ing/", "http://b%00c.example/",
            "http://se:cr%3Aet@", "http+unix://%2Ftmp%2Fx/",
        ])
    func bad(text: String) {
        do {
            _ = try parse(text)
            Issue.record("\(text) was accepted")
        } catch {
            #expect(error is RelayError && (error as? RelayError)?.code == .configuration)
            #expect("\(error)".hasPrefix("DESTINATION_URL ") && (text.count < 5 || !"\(error)".contains(text)))
        }
    }
}
