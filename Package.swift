// swift-tools-version: 6.2

import PackageDescription

/// Direct dependencies are pinned exactly: the repository carries no `Package.resolved`, and a
/// relay that is built twice from one commit must be the same relay.
let package = Package(
    name: "outbox-relay",
    products: [
        .executable(name: "outbox-relay", targets: ["outbox-relay"]),
        .executable(name: "relay-demo", targets: ["RelayDemo"]),
        // For the micro-benchmarks in Benchmarks/.
        .library(name: "RelayCore", targets: ["RelayCore"]),
        .library(name: "RelayMongoDB", targets: ["RelayMongoDB"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections.git", exact: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto.git", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log.git", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics.git", exact: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio.git", exact: "2.101.2"),
        // Comes with async-http-client anyway: its errors and codec are told apart by type, and tests serve HTTP/2.
        .package(url: "https://github.com/apple/swift-nio-http2.git", exact: "1.46.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", exact: "2.37.6"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", exact: "2.28.1", traits: []),
        .package(url: "https://github.com/jpsim/Yams.git", exact: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client.git", exact: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", exact: "2.13.0"),
    ],
    targets: [
        .systemLibrary(
            name: "CMongoC", pkgConfig: "libmongoc-1.0",
            providers: [.apt(["libmongoc-dev", "libbson-dev", "pkg-config"])]),
        .systemLibrary(
            name: "CPostgres", pkgConfig: "libpq",
            providers: [.apt(["libpq-dev", "pkg-config"])]),
        .systemLibrary(
            name: "CZlib", pkgConfig: "zlib",
            providers: [.apt(["zlib1g-dev", "pkg-config"])]),
        .target(
            name: "RelayCore",
            dependencies: [
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "DequeModule", package: "swift-collections"),
            ]),
        .target(
            name: "RelayMongoDB",
            dependencies: [
                "CMongoC", "RelayCore",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
            ]),
        .target(
            name: "RelayPostgreSQL",
            dependencies: [
                "CPostgres", "RelayCore",
                .product(name: "Logging", package: "swift-log"),
            ]),
        .target(
            name: "RelayWebhook",
            dependencies: [
                "CZlib", "RelayCore",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTP2", package: "swift-nio-http2"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOTLS", package: "swift-nio"),
            ]),
        .target(
            name: "RelayOperations",
            dependencies: [
                "RelayCore",
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]),
        .target(
            name: "RelayConfiguration",
            dependencies: [.product(name: "Yams", package: "Yams")]),
        .executableTarget(
            name: "outbox-relay",
            dependencies: [
                "RelayCore", "RelayMongoDB", "RelayPostgreSQL", "RelayWebhook", "RelayOperations",
                "RelayConfiguration",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]),
        .target(
            name: "RelayTesting",
            dependencies: [
                "RelayCore", "RelayMongoDB", "RelayPostgreSQL", "RelayWebhook",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTP2", package: "swift-nio-http2"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ]),
        .executableTarget(
            name: "RelayDemo",
            dependencies: [
                "RelayTesting", "RelayMongoDB", "RelayPostgreSQL", "RelayWebhook",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
            ]),
        .testTarget(name: "RelayCoreTests", dependencies: ["RelayCore"]),
        .testTarget(name: "RelayMongoDBTests", dependencies: ["RelayMongoDB", "RelayTesting", "CMongoC"]),
        .testTarget(
            name: "RelayPostgreSQLTests", dependencies: ["RelayPostgreSQL", "RelayTesting"],
            // Run by psql, found by path.
            exclude: ["sql"]),
        .testTarget(name: "RelayWebhookTests", dependencies: ["CZlib", "RelayWebhook", "RelayTesting"]),
        .testTarget(name: "RelayOperationsTests", dependencies: ["RelayOperations"]),
        .testTarget(name: "RelayConfigurationTests", dependencies: ["RelayConfiguration"]),
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "RelayTesting", "RelayMongoDB", "RelayPostgreSQL", "RelayWebhook", "RelayCore",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
            ],
            // Run by Python, found by path.
            exclude: ["Webhooks/python"]),
        .testTarget(
            name: "FaultTests",
            dependencies: ["RelayTesting", "RelayMongoDB", "RelayPostgreSQL", "outbox-relay"]),
    ],
    swiftLanguageModes: [.v6]
)
