// swift-tools-version: 6.2

import PackageDescription

/// Micro-benchmarks: a build of their own, outside of CI. `make bench` runs them.
let package = Package(
    name: "outbox-relay-benchmarks",
    dependencies: [.package(name: "outbox-relay", path: "..")],
    targets: [
        .executableTarget(
            name: "BSONBenchmark",
            dependencies: [
                .product(name: "RelayCore", package: "outbox-relay"),
                .product(name: "RelayMongoDB", package: "outbox-relay"),
            ])
    ],
    swiftLanguageModes: [.v6]
)
