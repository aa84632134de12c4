/// How BSON becomes JSON.
public enum JSONStyle: String, Sendable, Hashable, CaseIterable {
    /// What a web developer expects: numbers as numbers, dates as RFC 3339 in UTC with
    /// milliseconds, ObjectId, UUID and Decimal128 as strings, binary as base64.
    ///
    /// Dates outside the years 0000 to 9999 are ECMAScript's expanded years (`+010000-…`), NaN and
    /// the infinities are strings, timestamps are `{"t":…,"i":…}`; what JSON has no notion of
    /// (regular expressions, code, minKey and the like) is its canonical Extended JSON.
    case plain
    /// MongoDB Extended JSON v2, relaxed: readable, most types kept.
    case relaxed
    /// MongoDB Extended JSON v2, canonical: every type kept.
    case canonical
}

/// What is known of a JSON text once it has been written or read through: what a destination may
/// refuse that JSON itself allows.
public struct JSONFacts: Sendable, Hashable {
    /// The kind of the outermost value.
    public enum Kind: UInt8, Sendable, Hashable {
        case object, array, string, number, bool, null
    }

    /// The kind of the outermost value.
    public var kind: Kind
    /// Levels of objects and arrays; 0 for a scalar. Of BSON its own levels, without the objects
    /// that Extended JSON makes of single values. PostgreSQL's parser is recursive: with the
    /// default `max_stack_depth` version 15 takes 13,000 levels and refuses 14,000.
    public var maximumDepth: Int
    /// Whether a string or name holds NUL, written `\u0000`. `json` takes it, `jsonb` does not.
    public var containsNUL: Bool
    /// Whether a `\uD800`–`\uDFFF` escape stands without its other half. `json` takes it, `jsonb`
    /// does not.
    public var containsLoneSurrogate: Bool
    /// Whether a number is beyond PostgreSQL's `numeric` (131072 digits before the decimal point,
    /// 16383 behind it). `json` takes it, `jsonb` does not.
    public var containsHugeNumber: Bool

    /// Facts of a text; by default one without peculiarities.
    public init(
        kind: Kind, maximumDepth: Int = 0, containsNUL: Bool = false, containsLoneSurrogate: Bool = false,
        containsHugeNumber: Bool = false
    ) {
        self.kind = kind
        self.maximumDepth = maximumDepth
        self.containsNUL = containsNUL
        self.containsLoneSurrogate = containsLoneSurrogate
        self.containsHugeNumber = containsHugeNumber
    }

    /// Whether `jsonb` takes the text as far as its content goes; it may still be too deep.
    public var fitsJSONB: Bool { !containsNUL && !containsLoneSurrogate && !containsHugeNumber }
}
