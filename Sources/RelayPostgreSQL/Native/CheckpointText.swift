import Foundation
import RelayCore

/// A checkpoint as the text that is stored.
enum CheckpointText {
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
        do {
            // A later format may have another shape altogether.
            let layout = try JSONDecoder().decode(Layout.self, from: Data(text.utf8))
            guard layout.format <= Checkpoint().format else {
                throw RelayError(
                    .identity,
                    "the checkpoint of \(pipeline) was written by a newer version of outbox-relay: run that version")
            }
            return try JSONDecoder().decode(Checkpoint.self, from: Data(text.utf8))
        } catch let error as RelayError {
            throw error
        } catch {
            throw RelayError(
                .identity,
                "the stored checkpoint of \(pipeline) cannot be read: it was changed by hand or damaged. Restore it "
                    + "from a backup of the table checkpoints")
        }
    }
}
