import Foundation
import RelayMongoDB

/// The shop's outbox events, in the shape of Debezium's MongoDB outbox event router.
package enum ShopEvent {
    /// The type of a key's n-th event.
    package static func type(_ n: Int) -> String {
        switch n {
        case 1: "OrderPlaced"
        case 2: "OrderPaid"
        case 3: "OrderShipped"
        default: "OrderNoted"
        }
    }

    /// An outbox document, of about 350 bytes plus `filling`.
    package static func document(id: BSONObjectID, key: String, n: Int, filling: Int) -> BSONDocument {
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        return [
            "_id": .objectID(id), "aggregatetype": "order", "aggregateid": .string(key), "type": .string(type(n)),
            "payload": [
                "orderId": .string(key), "n": .integer(n), "customer": .string("customer-\(n % 997)"),
                "total": .double(Double(n % 500) + 0.95), "currency": "EUR", "express": .bool(n % 2 == 0),
                "items": [["sku": "A-100", "count": 2], ["sku": "B-7", "count": 1]],
                "note": .string(String(repeating: "x", count: filling)),
            ],
            "headers": ["source": "shop"], "occurredAt": .date(now),
        ]
    }
}
