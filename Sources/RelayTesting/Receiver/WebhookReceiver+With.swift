extension WebhookReceiver {
    /// Starts one that accepts everything for `body`, and ends it afterwards, whatever that did.
    /// - Parameters:
    ///   - secrets: what every request has to be signed by.
    ///   - keeping: how many requests are kept whole.
    /// - Throws: ``TestingError`` when there is no free port, or what `body` throws.
    package static func with<Answer: Sendable>(
        secrets: [String] = [], keeping: Int = 0, _ body: (WebhookReceiver) async throws -> Answer
    ) async throws -> Answer {
        let receiver = try await start(secrets: secrets, keeping: keeping)
        do {
            let answer = try await body(receiver)
            await receiver.stop()
            return answer
        } catch {
            await receiver.stop()
            throw error
        }
    }
}
