import ArgumentParser
import RelayCore

/// `dead-letters`: what was given up on.
struct DeadLettersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dead-letters", abstract: "List, show, retry or discard what could not be delivered.",
        subcommands: [List.self, Show.self, Retry.self, Discard.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the dead letters that wait, newest first.")
        @OptionGroup var options: GlobalOptions
        @OptionGroup var choice: DestinationChoice
        @Flag(help: "Also those retried or discarded.") var all = false
        @Option(help: "At most so many of each destination.") var limit = 100
        @Flag(help: "Print JSON.") var json = false

        func validate() throws {
            if limit < 1 || limit > 1_000_000 { throw ValidationError("--limit accepts 1 to 1000000") }
        }

        func run() async throws {
            let destinations = try choice.all(try options.settings())
            let (all, limit, json) = (all, limit, json)
            try await oneShot {
                var letters: [DeadLetterSummary] = []
                for destination in destinations {
                    letters += try await destination.administration.letters(limit: limit, includingResolved: all)
                }
                if json { return try Terminal.sayJSON(letters) }
                if letters.isEmpty { Terminal.say("no dead letters") }
                for letter in letters {
                    Terminal.say(
                        "\(letter.id)  \(letter.createdAt)  \(letter.state)  \(letter.reasonCode)  event "
                            + "\(letter.eventID ?? "?") type \(letter.type ?? "?") key \(letter.key ?? "?"): \(letter.reason)"
                    )
                }
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show one dead letter, whole.")
        @OptionGroup var options: GlobalOptions
        @OptionGroup var choice: DestinationChoice
        @Argument(help: "Its id, from the list.") var id: Int64

        func run() async throws {
            let chosen = try choice.one(try options.settings())
            let id = id
            try await oneShot {
                guard let letter = try await chosen.administration.letter(id) else {
                    throw RelayError(.refused, "there is no dead letter \(id) of destination \(chosen.name)")
                }
                try Terminal.sayJSON(letter)
            }
        }
    }

    struct Retry: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Deliver dead letters again, at new positions, with the header outbox-relay-redelivery: retry.")
        @OptionGroup var options: GlobalOptions
        @OptionGroup var choice: DestinationChoice
        @OptionGroup var letters: LetterChoice
        func run() async throws { try await letters.ask(choice.one(try options.settings())) { .retryDeadLetters($0) } }
    }

    struct Discard: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Give dead letters up for good; they stay on record.")
        @OptionGroup var options: GlobalOptions
        @OptionGroup var choice: DestinationChoice
        @OptionGroup var letters: LetterChoice
        func run() async throws {
            try await letters.ask(choice.one(try options.settings())) { .discardDeadLetters($0) }
        }
    }
}

/// Which dead letters.
struct LetterChoice: ParsableArguments {
    @Argument(help: "Their ids, from the list.") var ids: [Int64] = []
    @Flag(help: "All that wait.") var all = false
    @Flag(help: "Print JSON.") var json = false

    func validate() throws {
        if ids.isEmpty != all { throw ValidationError("name the ids of dead letters, or --all, not both") }
    }

    func ask(
        _ destination: ChosenDestination, _ kind: @escaping @Sendable ([Int64]) -> RelayRequest.Kind
    ) async throws {
        let (ids, all, json) = (ids, all, json)
        try await oneShot(limit: .seconds(400)) {
            let chosen = all ? try await destination.administration.waitingIDs() : ids
            if chosen.isEmpty { return Terminal.say("no dead letters wait") }
            let answer = try await destination.administration.request(kind(chosen), within: .seconds(30))
            if json { try Terminal.sayJSON(answer) } else { Terminal.say(answer.message) }
            if !answer.succeeded { throw ExitStatus.failed }
        }
    }
}
