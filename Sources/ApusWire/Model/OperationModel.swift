/// One operation of a service, from its table.
package struct OperationModel: Sendable {
    package let name: String

    /// The HTTP method, upper case.
    package let method: String

    /// The path's template, such as `/2015-03-31/functions/{FunctionName}/code`, with its literal query if it has one.
    package let uri: String

    /// The status of a success.
    package let status: Int

    package let input: ShapeID?
    package let output: ShapeID?
    package let errors: [ShapeID]

    /// The element around the result of the query protocol.
    package let resultWrapper: String?

    package let isDeprecated: Bool
    package let isReadOnly: Bool
    package let isIdempotent: Bool
    package let pagination: Pagination?

    let template: PathTemplate
}

/// How clients walk through the pages of a list.
package struct Pagination: Sendable, Equatable {
    package let inputToken: String
    package let outputToken: String
    package let limit: String?
    package let results: [String]
}
