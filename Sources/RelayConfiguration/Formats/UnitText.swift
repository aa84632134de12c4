/// Whole numbers with a unit behind them: what durations and sizes have in common.
struct UnitText: Sendable {
    /// What it is, for people: `a duration`.
    let noun: String
    /// The units from the largest to the smallest, whose factor is 1.
    let units: [(name: String, factor: Int64)]
    /// How 0 is written.
    let zero: String

    /// `count` of the smallest unit, in the largest unit that divides it.
    func text(of count: Int64) -> String {
        for unit in units where count != 0 && count.isMultiple(of: unit.factor) {
            return "\(count / unit.factor)\(unit.name)"
        }
        return zero
    }

    /// What `text` names, in the smallest unit: digits and one unit, nothing else.
    func count(of text: String) throws(MalformedValue) -> Int64 {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let suffix = text.dropFirst(digits.count)
        guard !digits.isEmpty else { throw MalformedValue("is not \(noun)") }
        guard !suffix.isEmpty else { throw MalformedValue("has no unit") }
        guard let unit = units.first(where: { $0.name == suffix }) else { throw MalformedValue("is not \(noun)") }
        guard let number = Int64(digits) else { throw MalformedValue("is out of range") }
        let (count, overflow) = number.multipliedReportingOverflow(by: unit.factor)
        guard !overflow else { throw MalformedValue("is out of range") }
        return count
    }
}
