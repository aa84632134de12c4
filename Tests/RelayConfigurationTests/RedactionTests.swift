import Testing

@testable import RelayConfiguration

@Suite struct RedactionTests {
    @Test(arguments: [
        ("mongodb://u:hunter2@a,b/db?replicaSet=rs0", "mongodb://u:***@a,b/db?replicaSet=rs0"),
        ("mongodb://u@a/db", "mongodb://u@a/db"),
        (
            "mongodb://a/db?authSource=admin&tlsCertificateKeyFilePassword=hunter2",
            "mongodb://a/db?authSource=admin&tlsCertificateKeyFilePassword=***"
        ),
        (
            "mongodb://a/?authMechanismProperties=AWS_SESSION_TOKEN:hunter2",
            "mongodb://a/?authMechanismProperties=***"
        ),
        ("mongodb://u:hunter2@x@a/db", "mongodb://u:***@a/db"),
        ("mongodb://u:hun/ter2@a/db", "mongodb://***"),
        ("mongodb://u:hun?ter2@a/db", "mongodb://***"),
        ("mongodb://u:hun#ter2@a/db", "mongodb://***"),
        ("mongodb://u:p@hun/ter2@a/db", "mongodb://u:***@***"),
        ("postgres://u:p@hun?ter2@a/db", "postgres://u:***@***"),
        (
            "postgres://h/db?user=u&password=hunter2&sslmode=require",
            "postgres://h/db?user=u&password=***&sslmode=require"
        ),
        ("postgres://h/db?sslpassword=hunter2", "postgres://h/db?sslpassword=***"),
        ("https://x.example/hook?tenant=hunter2&hunter2", "https://x.example/hook?tenant=***&***"),
        (
            "https://hooks.example/services/T024BE7LD/xoxb1Hunter2Hunter2Hunter2/events",
            "https://hooks.example/services/T024BE7LD/***/events"
        ),
        ("https://x.example/2026/webhook-receiver/orders?a=b", "https://x.example/2026/webhook-receiver/orders?a=***"),
        ("host=h user=u password=hunter2 dbname=d", "host=h user=u password=*** dbname=d"),
        ("host=h password = 'hun\\' ter2' dbname=d", "host=h password =*** dbname=d"),
        ("password=hunter2 mongodb://a/db", "password=*** mongodb://a/db"),
        ("whsec_hunter2", "***"), ("plain text", "plain text"), ("a=b", "a=b"),
    ]) func masked(text: String, expected: String) {
        #expect(Redaction.text(text) == expected)
    }

    @Test func secretsOfTheReport() throws {
        let folder = try TemporaryFolder()
        let file = try folder.file("uri", "mongodb://svc:hunter2@h/shop\n")
        let settings = try RelaySettings.load(
            environment: [
                "MONGODB_URI_FILE": file, "DESTINATION_URL": "postgres://relay:hunter2@pg/events?password=hunter2",
            ])
        let entries = Dictionary(uniqueKeysWithValues: settings.report.map { ($0.variable, $0) })
        #expect(entries["MONGODB_URI"]?.value == "mongodb://svc:***@h/shop")
        #expect(entries["MONGODB_URI"]?.origin == "MONGODB_URI_FILE \(file)")
        #expect(entries["DESTINATION_URL"]?.value == "postgres://relay:***@pg/events?password=***")
        #expect(entries["RELAY_NAME"]?.value == "shop.outbox" && entries["RELAY_NAME"]?.origin == "default")
        #expect(entries["MONGODB_DATABASE"]?.value == "shop" && entries["SOURCE_ON_HISTORY_LOST"]?.value == "rescan")
        #expect(entries["DESTINATION_TIMEOUT"] == nil && entries["SOURCE_IMAGES"] == nil)
        for text in [
            "\(settings.report)", "\(settings)", "\(settings.destinations)", settings.destinations[0].redactedURL,
        ] {
            #expect(!text.contains("hunter2"), "\(text)")
        }
        #expect(settings.mongodbURI == "mongodb://svc:hunter2@h/shop")
    }

    /// Whatever is set to a secret, and however wrong it is: no problem shows it.
    @Test func secretsOfProblems() {
        let secret = "hunter2"
        let variables = ["MONGODB_URI", "DESTINATION_URL", "DESTINATION_OAUTH_TOKEN_URL"]
        let shapes = [
            secret, "mongodb://u:\(secret)@", "mongodb:u:\(secret)@h/db", "postgres://u:\(secret)@h:x/db",
            "u:\(secret)@h", "https://u:\(secret)@/", "postgres://h/db?\(secret)", "mongodb://u:a@\(secret)@h/db",
            "password=\(secret)", "\(secret)://h", "mongodb://u:\(secret) @h/db", "http://u:\(secret)@h/#\(secret)",
        ]
        for variable in variables {
            for shape in shapes {
                let found = problems(environment([variable: shape]))
                #expect(!found.isEmpty, "\(variable)=\(shape)")
                #expect(!found.description.contains(secret), "\(variable): \(found)")
            }
        }
        for variable in ConfigurationTable.variables where variable.disclosure == .secret {
            let found = problems(environment([variable.name: secret, "RELAY_CONFIG": "/nonexistent"]))
            #expect(!found.description.contains(secret), "\(found)")
        }
        #expect(!problems(environment(["SOURCE_KIND": "whsec_" + secret])).description.contains(secret))
    }
}
