/// Something that tests or the demo need did not happen; the text is for a person and carries a log's tail where
/// there is one.
package struct TestingError: Error, Sendable, CustomStringConvertible {
    /// What happened, to what, and what to look at.
    package let description: String

    /// A failure told in a sentence.
    package init(_ description: String) { self.description = description }
}
