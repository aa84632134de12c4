/// What is wrong with some BSON, and where.
///
/// Never carries a byte of the document: it may be logged and stored as a dead letter's reason.
public struct BSONError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kind of damage. Open: more may be added.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        enum Base: UInt8, Sendable {
            case truncated, invalidLength, missingTerminator, unknownType, invalidBoolean
            case invalidUTF8, unterminatedKey, tooDeep
        }

        let base: Base

        /// A value or the document ends before its bytes do.
        public static let truncated = Code(base: .truncated)
        /// A length that its type or its surroundings do not allow.
        public static let invalidLength = Code(base: .invalidLength)
        /// A string, document or array without its closing zero byte.
        public static let missingTerminator = Code(base: .missingTerminator)
        /// A type byte that the specification does not define.
        public static let unknownType = Code(base: .unknownType)
        /// A boolean that is neither 0 nor 1.
        public static let invalidBoolean = Code(base: .invalidBoolean)
        /// Text that is not UTF-8.
        public static let invalidUTF8 = Code(base: .invalidUTF8)
        /// A field name, pattern or option list that does not end within its document.
        public static let unterminatedKey = Code(base: .unterminatedKey)
        /// More levels of nesting than ``BSONView/maximumDepth``.
        public static let tooDeep = Code(base: .tooDeep)

        /// A short label, fit for a metric.
        public var description: String { "\(base)" }
    }

    /// What is wrong.
    public let code: Code
    /// Byte offset of the damage from the start of the outermost document that was read.
    public let offset: Int

    /// An error of a kind at an offset.
    public init(_ code: Code, offset: Int) {
        self.code = code
        self.offset = offset
    }

    /// A sentence for people.
    public var description: String { "The BSON document is damaged at byte \(offset): \(sentence)." }

    private var sentence: String {
        switch code.base {
        case .truncated: "a value ends before its bytes do"
        case .invalidLength: "a length does not fit its value or what surrounds it"
        case .missingTerminator: "the closing zero byte of a string or document is missing"
        case .unknownType: "the element's type is not one that BSON defines"
        case .invalidBoolean: "a boolean is neither 0 nor 1"
        case .invalidUTF8: "a text is not valid UTF-8"
        case .unterminatedKey: "a field name or pattern does not end within its document"
        case .tooDeep: "documents are nested more than \(BSONView.maximumDepth) levels deep"
        }
    }
}
