import RelayMongoDB

/// How MongoDB servers are started.
package struct MongoOptions: Sendable {
    /// 1 or 3 members of a replica set.
    package var members = 1
    /// The oplog's size in MB. A small one loses history soon.
    package var oplogMegabytes = 256
    /// The cache of each server in GB; 0.25 is the least that it takes.
    package var cacheGigabytes = 0.25
    /// Whether it is one standalone server without a replica set.
    package var isStandalone = false
    /// More server parameters, as for `--setParameter`.
    package var parameters: [String: String] = [:]
    /// More arguments.
    package var arguments: [String] = []
    /// How long a replica set is without heartbeats before it elects, in milliseconds.
    package var electionTimeoutMilliseconds = 2000
    /// A user of role `root` to be made; clients must log in then.
    package var login: Login?
    /// The longest wait for a server to be ready.
    package var startLimit = Duration.seconds(60)

    /// A name and a password, both without characters that a URI would escape.
    package struct Login: Sendable {
        package var name: String
        package var password: String

        package init(name: String, password: String) {
            self.name = name
            self.password = password
        }
    }

    /// One member, a small oplog, no login.
    package init(members: Int = 1) { self.members = members }
}
