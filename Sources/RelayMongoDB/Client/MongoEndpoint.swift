import RelayCore

/// Which MongoDB, and which collections in it.
public struct MongoEndpoint: Sendable {
    /// The connection string; holds a secret.
    public var uri: String
    /// The service's database.
    public var database: String
    /// Where the relay keeps its own collections.
    public var stateDatabase: String
    /// The outbox collection.
    public var collection: String

    /// An endpoint.
    public init(uri: String, database: String, stateDatabase: String, collection: String) {
        self.uri = uri
        self.database = database
        self.stateDatabase = stateDatabase
        self.collection = collection
    }
}
