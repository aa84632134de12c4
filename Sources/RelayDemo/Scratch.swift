import RelayTesting
import RelayMongoDB
import RelayPostgreSQL
import Foundation

func scratch(_ what: String) async throws {
    func say(_ s: String) { print(String(format: "%.2f", Date().timeIntervalSince1970.truncatingRemainder(dividingBy: 1000)), s); fflush(nil) }
    switch what {
    case "three":
        var o = MongoOptions(members: 3)
        o.oplogMegabytes = 64
        let folder = try await TestFolder()
        say("starting"); let mongo = try await MongoReplicaSet.start(in: folder, o); say("up \(mongo.uri())")
        var w = WorkloadOptions(events: 6000)
        w.writers = 8; w.keys = .random(count: 20); w.eventsPerTransaction = 2; w.rate = 200
        let workload = Workload(uri: mongo.uri(options: ["retryWrites=true"]), options: w)
        try await workload.prepare()
        async let recordTask = workload.run()
        try await Task.sleep(for: .seconds(3)); say("kill primary \(workload.progress)")
        let dead = try await mongo.killPrimary(); _ = try await mongo.primary(); say("new primary \(workload.progress)")
        try await dead.start(); try await mongo.waitUntilComplete(); say("complete \(workload.progress)")
        try await mongo.stepDown(); say("stepped down \(workload.progress)"); try await mongo.waitUntilComplete()
        try await mongo.failCommands(["commitTransaction"], times: 5, closesConnection: true); say("fail set")
        try await mongo.failCommands(["commitTransaction"], times: 20, errorCode: 91); say("fail set")
        try await Task.sleep(for: .seconds(1))
        let p = try await mongo.primary(); p.freeze(); say("frozen \(workload.progress)")
        try await Task.sleep(for: .seconds(6)); p.resume(); say("resumed \(workload.progress)")
        let record = try await recordTask
        say("done tx \(record.committedTransactions) aborted \(record.abortedTransactions) retries \(record.retries) in \(record.duration)")
        let truth = try await Outbox(uri: mongo.uri()).committed()
        let a = Set(record.committed.map { "\($0.id) \($0.key) \($0.n)" }), b = Set(truth.map { "\($0.id) \($0.key) \($0.n)" })
        say("record \(a.count) of \(record.committed.count), outbox \(b.count) of \(truth.count), equal \(a == b), aborted in outbox \(truth.filter { record.aborted.contains($0.id) }.count)")
        var byKey: [String: [Int]] = [:]
        for e in truth { byKey[e.key, default: []].append(e.n) }
        say("dense \(byKey.values.allSatisfy { $0.sorted() == Array(1...$0.count) })")
        await mongo.stop(); say("stopped"); folder.remove()
    case "misc":
        var o = MongoOptions(); o.login = .init(name: "root", password: "secret")
        try await TestServers.with(mongo: o) { s in
            say("auth up"); 
            try await Outbox(uri: s.mongo.uri()).load(count: 30000, bytes: 400); say("loaded")
            say("count \(try await Outbox(uri: s.mongo.uri()).committed().count)")
            let stats = try await s.mongo.run(["collStats": "outbox"]); say("avg \(stats["avgObjSize"]!)")
            do { _ = try await MongoConnection(uri: "mongodb://127.0.0.1:\(s.mongo.members[0].port)/?directConnection=true", name: "x", socketTimeout: .seconds(5)).run(["find": "outbox"], on: "shop"); say("WRONG") } catch { say("anonymous refused: \((error as? MongoFailure)?.code ?? -1)") }
            try await s.mongo.members[0].restart(); try await s.mongo.waitUntilComplete(); say("mongo restarted")
            try await s.mongo.failCommands(["find"], times: 2, errorCode: 286, namespace: "shop.outbox")
            for _ in 0..<3 { do { _ = try await s.mongo.run(["find": "outbox", "limit": 1]); say("find ok") } catch { say("find failed \((error as? MongoFailure)?.code ?? -1)") } }
            let pg = s.postgres
            say("pg \(try await pg.query("SHOW fsync").rows) \(try await pg.query("SELECT version()").rows)")
            try await pg.createDatabase("events")
            try await pg.restart(); say("pg fast"); try await pg.restart(.immediate); say("pg immediate \(try await pg.query("SELECT 1", database: "events").rows)")
            let c = pg.connect(database: "events"); _ = try await c.query(PGStatement("SELECT 1"))
            pg.freeze()
            do { _ = try await c.query(PGStatement("SELECT 1"), within: .seconds(1)); say("WRONG") } catch { say("frozen: \(error)") }
            pg.resume(); say("resumed \(try await pg.query("SELECT 2").rows)")
            // checker
            let url = try await pg.createDatabase("check")
            let k = pg.connect(database: "check")
            try await k.script(NativeSchema.setupScript(schema: "outbox_relay", payloadType: "bytea"))
            func ev(_ i: String, _ key: String, _ n: Int) -> CommittedEvent { CommittedEvent(id: i, key: key, n: n, committedAt: nil) }
            func put(_ p: Int, _ i: String, _ key: String, _ n: Int) async throws { _ = try await k.query(PGStatement("INSERT INTO outbox_relay.events(stream,position,slot,event_id,topic,type,key,payload) VALUES (1,$1::bigint,0,$2,'t','t',$3,convert_to(json_build_object('n',$4::int)::text,'UTF8'))", [PGParameter(p), .text(i), .text(key), PGParameter(n)])) }
            let ch = QueueChecker(url: url)
            say("empty: \(try await ch.check([ev("a", "k", 1)]))")
            try await put(1, "a", "k", 1); try await put(2, "b", "k", 2)
            say("good: \(try await ch.check([ev("a", "k", 1), ev("b", "k", 2)]))")
            try await put(3, "c", "k", 4); try await put(4, "d", "k", 3); say("swap: \(try await ch.check([ev("a", "k", 1), ev("b", "k", 2), ev("c", "k", 4), ev("d", "k", 3)]))")
            try await put(5, "d", "k", 3); try await put(7, "x", "k", 9); try await put(8, "y", "k", 9)
            say("all: \(try await ch.check([ev("a", "k", 1), ev("b", "k", 5), ev("c", "k", 4), ev("d", "k", 3), ev("m", "q", 1)], aborted: ["x"]))")
            say("count \(try await ch.count())")
            let l = LatencyRecorder((1...100).map { .milliseconds($0) }); say("p50 \(l.percentile(0.5)!) p99 \(l.percentile(0.99)!) p100 \(l.percentile(1)!) \(l.maximum!)")
        }
        say("stopped")
        var st = MongoOptions(); st.isStandalone = true
        try await TestServers.with(mongo: st) { s in
            say("standalone \(s.mongo.uri()) \(try await s.mongo.run(["hello": 1])["setName"] == nil)")
            let r = try await RelayProcess.run(["check"], environment: s.relayEnvironment(), within: .seconds(30)); say("check: \(r.exitCode)\n\(r.output)\n\(r.error)")
            let relay = try RelayProcess(folder: s.folder, environment: s.relayEnvironment()); try await relay.start(); try await relay.waitUntilReady(); say("ready \(relay.residentBytes! >> 20) MiB \(relay.processorTime!) \(try await relay.status())")
            relay.freeze(); do { _ = try await relay.get("/livez", within: .seconds(1)); say("WRONG") } catch { say("\(error)") }; relay.resume(); say("\(try await relay.get("/livez").status)"); say("term \(String(describing: await relay.terminate()))")
            do { try await relay.waitUntilReady() } catch { say("\(error)") }
        }
        do { try await TestServers.with(postgresSettings: ["shared_buffers=nonsense"]) { _ in } } catch { say("bad setting: \(error)") }
        do { _ = try await Command.run("sleep", ["5"], within: .seconds(1)); say("WRONG") } catch { say("\(error)") }
        do { _ = try await Command.run("nosuchprogram"); say("WRONG") } catch { say("\(error)") }
    default: break
    }
}
