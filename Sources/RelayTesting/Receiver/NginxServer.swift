import Foundation
import Synchronization

/// An nginx on a free port of 127.0.0.1 that answers 200 to everything and counts: the fastest receiver there is, for
/// measurements. It ends with the last reference and with this process.
package final class NginxServer: Sendable {
    private let process: ServerProcess
    private let folder: String
    private let program: String

    private init(program: String, folder: String) {
        self.program = program
        self.folder = folder
        process = ServerProcess(name: "nginx", log: "\(folder)/error.log")
    }

    /// Starts one with a worker for each core, its files in a folder of its own in `folder`.
    /// - Throws: ``TestingError`` when nginx is not installed or does not start.
    package static func start(in folder: TestFolder) async throws -> NginxServer {
        guard let program = program("nginx") else {
            throw TestingError("there is no nginx: install Debian's nginx-light, or put nginx on the PATH")
        }
        let own = folder.path("nginx-\(UInt32.random(in: 0 ... .max))")
        try FileManager.default.createDirectory(atPath: own, withIntermediateDirectories: true)
        let server = NginxServer(program: program, folder: own)
        try await server.process.start(within: .seconds(15), launch: server.launch) { port in
            try await HTTPGet.run(port: port, path: "/", within: .seconds(2)).status == 200
        }
        return server
    }

    /// Where events go.
    package var url: String { "http://127.0.0.1:\(process.port)/hook" }

    /// Requests so far, these questions not counted.
    /// - Throws: ``TestingError`` when it does not answer.
    package func requests() async throws -> Int {
        let page = try await HTTPGet.run(port: process.port, path: "/count", within: .seconds(2)).body
        // "server accepts handled requests", and below it the three numbers.
        let lines = page.split(separator: "\n")
        guard lines.count > 2, let total = lines[2].split(separator: " ").last.flatMap({ Int($0) }) else {
            throw TestingError("nginx does not tell how many requests there were: \(page)")
        }
        return questions.withLock { questions in
            questions += 1
            return total - questions
        }
    }

    private let questions = Mutex(0)

    /// Ends it.
    package func stop() async { await process.end(by: SIGTERM, within: .seconds(5)) }

    /// A program on the `PATH`, or where Debian keeps servers.
    package static func program(_ name: String) -> String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        return (path.split(separator: ":").map(String.init) + ["/usr/sbin", "/usr/local/sbin"]).map { "\($0)/\(name)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    private func launch(port: UInt16) -> Launch {
        let configuration = """
            daemon off;
            worker_processes auto;
            pid \(folder)/nginx.pid;
            error_log \(folder)/error.log;
            events { worker_connections 4096; }
            http {
                access_log off;
                client_body_temp_path \(folder)/body;
                proxy_temp_path \(folder)/proxy;
                fastcgi_temp_path \(folder)/fastcgi;
                uwsgi_temp_path \(folder)/uwsgi;
                scgi_temp_path \(folder)/scgi;
                client_max_body_size 64m;
                keepalive_requests 1000000000;
                keepalive_timeout 3600s;
                server {
                    listen 127.0.0.1:\(port) backlog=4096;
                    location = /count { stub_status; }
                    location / { return 200; }
                }
            }
            """
        let file = "\(folder)/nginx.conf"
        try? configuration.write(toFile: file, atomically: true, encoding: .utf8)
        var launch = Launch(
            program: program, arguments: ["-p", folder, "-c", file],
            environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"])
        launch.output = .file(process.log)
        launch.error = .file(process.log)
        return launch
    }
}
