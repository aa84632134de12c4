import RelayCore

/// What an update of an aggregate document says of its array of events: a pure function of the change event's
/// `updateDescription`.
///
/// Shapes as MongoDB 6.0 sends them: `$push` names each new element with its whole value (`outbox.3`). `$pull`, `$pop`,
/// `$push` with `$position`, `$slice` or `$sort`, and `$set` send the whole array. An update by a pipeline sends what
/// differs: whole elements behind the end, sub-fields of elements within, `truncatedArrays` where it got shorter.
enum EmbeddedUpdate {
    /// It says nothing of the array, or of what is around it.
    case untouched
    /// Nothing new is in the array.
    case nothing
    /// These elements were appended: their places, and their values.
    case pushed([(index: Int, value: BSONRawValue)])
    /// The array is this now; which of its elements are new is not said.
    case replaced(BSONRawValue)
    /// Something changed within the array; neither what it is now nor what is new is said.
    case unclear

    /// Reads a change event's `updateDescription`.
    /// - Parameter path: the array's path.
    /// - Throws: ``BSONError`` for damage.
    init(_ description: BSONView, path: String) throws(BSONError) {
        let prefix = path + "."
        var pushed: [(index: Int, value: BSONRawValue)] = []
        var whole: BSONRawValue?
        var (isUnclear, isTouched) = (false, false)
        if var fields = try description.value("updatedFields")?.document?.elements {
            while let field = try fields.next() {
                let name = field.name
                if name == CleanupMarker.field {
                    // Our own clean-up only takes out.
                    self = .nothing
                    return
                }
                if name == path {
                    whole = field.value
                } else if name.hasPrefix(prefix) {
                    if let index = Int(name.dropFirst(prefix.count)) {
                        pushed.append((index, field.value))
                    } else {
                        isUnclear = true
                    }
                } else if path.hasPrefix(name + ".") {
                    isTouched = true
                    // A document around the array was set.
                    if let document = field.value.document {
                        whole = try document.value(atPath: String(path.dropFirst(name.count + 1)))
                    }
                }
            }
        }
        var isShortened = false
        if var arrays = try description.value("truncatedArrays")?.array?.elements {
            while let array = try arrays.next() {
                guard let name = try array.value.document?.value("field")?.string else { continue }
                if name == path { isShortened = true }
                if Self.concerns(name, path) { isTouched = true }
            }
        }
        if !isTouched, var removed = try description.value("removedFields")?.array?.elements {
            while let name = try removed.next()?.value.string {
                if Self.concerns(name, path) { isTouched = true }
            }
        }
        if let whole {
            self = whole.array == nil || whole.array?.isEmpty == true ? .nothing : .replaced(whole)
        } else if isUnclear || (isShortened && !pushed.isEmpty) {
            self = .unclear
        } else {
            self = !pushed.isEmpty ? .pushed(pushed) : isTouched ? .nothing : .untouched
        }
    }

    /// Whether the field `name` is the array, within it, or around it.
    private static func concerns(_ name: String, _ path: String) -> Bool {
        name == path || name.hasPrefix(path + ".") || path.hasPrefix(name + ".")
    }
}
