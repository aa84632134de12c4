import Foundation
import RelayCore

/// A checkpoint as the text that is stored: JSON, which a person can read, and whose names MongoDB does not interpret.
enum StoredCheckpoint {
    private struct Layout: Decodable {
        var format: Int
    }

    static func encode(_ checkpoint: Checkpoint) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(checkpoint), as: UTF8.self)
    }

    /// - Throws: ``RelayError`` when a newer relay wrote it, or somebody changed it.
    static func decode(_ text: String, pipeline: String) throws -> Checkpoint {
        let bytes = Data(text.utf8)
        // A later format may have another shape altogether.
        if let layout = try? JSONDecoder().decode(Layout.self, from: bytes), layout.format > Checkpoint().format {
            throw RelayError(
                .identity,
                "the checkpoint of \(pipeline) was written by a newer version of outbox-relay: run that version")
        }
        do {
            return try JSONDecoder().decode(Checkpoint.self, from: bytes)
        } catch {
            throw RelayError(
                .identity,
                "the stored checkpoint of \(pipeline) cannot be read: it was changed by hand or damaged. Restore its "
                    + "document in \(StateCollection.checkpoints.rawValue) from a backup")
        }
    }
}
