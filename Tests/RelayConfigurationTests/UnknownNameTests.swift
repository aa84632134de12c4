import Testing

@testable import RelayConfiguration

@Suite struct UnknownNameTests {
    @Test(arguments: [
        ("RELAY_LEASE_TLL", "RELAY_LEASE_TTL"), ("SOURCE_COLLECTION", "SOURCE_COLLECTIONS"),
        ("DESTINATION_URI", "DESTINATION_URL"), ("DESTINATION", "DESTINATIONS"),
        ("COMPENSATION_EVENTS", "COMPENSATION_EVENT"), ("SOURCE_FIELD_TRACE_PARENT", "SOURCE_FIELD_TRACEPARENT"),
        ("DESTINATION_SECRET_FLIE", "DESTINATION_SECRET_FILE"),
    ]) func misspelt(name: String, meant: String) {
        let found = problems(environment([name: "hunter2"]))
        #expect(found.count == 1 && found[0].variable == name, "\(found)")
        #expect(found.first?.sentence.hasSuffix("did you mean \(meant)?") == true, "\(found)")
        #expect(!found.description.contains("hunter2"))
    }

    @Test func nothingLikeIt() {
        let found = problems(environment(["RELAY_COMPLETELY_DIFFERENT_THING": "x", "DESTINATIONX_Y": "z"]))
        #expect(found.map(\.sentence) == ["is an unknown variable", "is an unknown variable"])
    }

    @Test func namesOfOthersAreIgnored() {
        #expect(
            problems(environment(["MONGODB_VERSION": "6", "RELAY": "x", "MY_RELAY_NAME": "x", "source_kind": "x"]))
                .isEmpty)
    }

    @Test func injectedByKubernetes() {
        let injected = [
            "RELAY_SERVICE_HOST": "10.0.0.1", "RELAY_SERVICE_PORT": "9808", "RELAY_SERVICE_PORT_HTTP_METRICS": "9808",
            "RELAY_PORT": "tcp://10.0.0.1:9808", "RELAY_PORT_9808_TCP": "tcp://10.0.0.1:9808",
            "RELAY_PORT_9808_TCP_PROTO": "tcp", "RELAY_PORT_9808_TCP_PORT": "9808",
            "RELAY_PORT_53_UDP": "udp://10.0.0.1:53",
            "RELAY_PORT_9_SCTP_ADDR": "10.0.0.1", "SOURCE_A_B_SERVICE_HOST": "10.0.0.2",
            "DESTINATION_SERVICE_HOST": "10.0.0.3", "DESTINATION_PORT": "tcp://10.0.0.3:80",
            "COMPENSATION_SERVICE_SERVICE_PORT": "80",
            // A service named relay-http: the variable is ours, the value is not for us.
            "RELAY_HTTP_PORT": "tcp://10.0.0.4:80",
        ]
        #expect(problems(environment(injected)).isEmpty)
        #expect((try? RelaySettings.load(environment: environment(injected)))?.httpPort == 9808)
    }

    @Test func notInjectedByKubernetes() {
        for (name, value) in [
            ("RELAY_PORT", "9808"), ("RELAY_PORT_X_TCP", "x"), ("RELAY_PORT_80_HTTP", "x"), ("RELAY_SERVICE", "x"),
            ("RELAY_PORT_80_TCPX", "x"),
        ] {
            #expect(problems(environment([name: value])).map(\.variable) == [name])
        }
    }

    @Test func unknownKeysOfTheFile() throws {
        let folder = try TemporaryFolder()
        let path = try folder.file(
            "relay.yaml",
            """
            source: {knid: hunter2, field: {di: x}}
            relay: {config: x, deep: {er: hunter2}}
            mongodb: text
            extra: [1, 2]
            SOURCE_KIND: outbox
            "source.kind": outbox
            """)
        let found = problems(minimal, file: path)
        #expect(
            found.map(\.variable) == [
                "?", "SOURCE_KIND", "extra", "mongodb", "relay.config", "relay.deep", "source.field.di", "source.knid",
            ], "\(found)")
        #expect(found.last?.sentence.hasSuffix("did you mean source.kind?") == true)
        #expect(!ConfigurationProblems(found).description.contains("hunter2"))
    }

    @Test(arguments: [
        "a: 'x", "a: [1", "- 1\n- 2", "text", "a: 1\na: 2", "relay: {name: a, name: b}", "a: 1\n---\nb: 2", "\t- x",
    ])
    func filesThatAreNoYAML(text: String) throws {
        let folder = try TemporaryFolder()
        let found = problems(minimal, file: try folder.file("relay.yaml", text + " # hunter2"))
        #expect(found.count == 1 && found[0].variable == "--config", "\(found)")
        #expect(!found.description.contains("hunter2"))
    }

    @Test(arguments: ["", "# nothing\n", "relay:\nsource:\n  field:\ndestinations:\n"]) func emptyFiles(text: String)
        throws
    {
        let folder = try TemporaryFolder()
        #expect(problems(minimal, file: try folder.file("relay.yaml", text)).isEmpty)
    }

    @Test func listsAndMappingsWhereTheyDoNotBelong() throws {
        let folder = try TemporaryFolder()
        let path = try folder.file(
            "relay.yaml",
            "relay: {name: [a, b]}\nsource: {kind: {a: b}}\ndestination: {topics: ['a,b', c], types: [[x]]}")
        #expect(
            problems(minimal, file: path).map(\.variable) == [
                "DESTINATION_TOPICS", "DESTINATION_TYPES", "RELAY_NAME", "SOURCE_KIND",
            ])
    }

    @Test func distances() {
        #expect(EditDistance.between("", "abc") == 3)
        #expect(EditDistance.between("kitten", "sitting") == 3)
        #expect(EditDistance.between("same", "same") == 0)
    }
}
