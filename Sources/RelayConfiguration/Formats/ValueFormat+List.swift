/// Formats of lists: elements between commas, spaces around them dropped.
extension ValueFormat where Value == [String] {
    /// The elements of a list; an empty one is a mistake.
    private static func elements(of text: String) throws(MalformedValue) -> [String] {
        var elements: [String] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let element = String(part.trimmingSpaces)
            guard !element.isEmpty else { throw MalformedValue("has an empty element") }
            guard !elements.contains(element) else { throw MalformedValue("names one element twice") }
            elements.append(element)
        }
        return elements
    }

    /// Patterns in which `*` stands for any run of characters and `?` for one.
    static var globs: Self {
        Self("globs between commas; `*` is any run of characters, `?` any one") { text throws(MalformedValue) in
            let globs = try elements(of: text)
            guard !globs.contains(where: \.hasControlCharacters) else {
                throw MalformedValue("holds a control character")
            }
            return globs
        }
    }

    /// Collection names, or `*` for all of them.
    static var collections: Self {
        let accepted = "collection names between commas (without `$`, outside `system.` and `outbox_relay_`), or `*`"
        return Self(accepted) { text throws(MalformedValue) in
            let names = try elements(of: text)
            if names == ["*"] { return names }
            guard !names.contains("*") else { throw MalformedValue("mixes `*` with names") }
            for name in names { try MongoNames.checkCollection(name) }
            return names
        }
    }

    /// Names of destinations.
    static var destinationNames: Self {
        let accepted = "names between commas, each matching `[a-z][a-z0-9]*` and not an option's first word"
        return Self(accepted) { text throws(MalformedValue) in
            let names = text.split(separator: ",", omittingEmptySubsequences: false).map { String($0.trimmingSpaces) }
            try DestinationNames.check(names)
            return names
        }
    }
}

extension StringProtocol {
    /// The text without spaces and tabs at both ends.
    var trimmingSpaces: SubSequence {
        let head = drop { $0 == " " || $0 == "\t" }
        guard let last = head.lastIndex(where: { $0 != " " && $0 != "\t" }) else { return head.prefix(0) }
        return head[...last]
    }
}
