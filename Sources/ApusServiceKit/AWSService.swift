package import ApusWire

/// One AWS service: the tables of its model, and the operations that exist here.
package protocol AWSService: Sendable {
    var model: ServiceModel { get }
    var operations: OperationTable { get }
}

/// The operations of a service, by name. One that is missing answers that it does not exist.
package struct OperationTable: Sendable {
    /// One operation that exists.
    package struct Row: Sendable {
        /// The IAM action that the caller needs, such as `lambda:GetFunction`.
        package let action: String
        package let run: @Sendable (ShapeValue, RequestContext) async throws -> ShapeValue
    }

    private var rows: [String: Row] = [:]

    package init() {}

    package subscript(_ name: String) -> Row? { rows[name] }
    package var names: [String] { rows.keys.sorted() }

    /// Adds an operation.
    ///
    /// - Parameter handler: throws ``ApusModel/Fault`` for what the client is to hear; anything else becomes an internal error.
    package mutating func on<Input: WireShape, Output: WireShape>(
        _ operation: Operation<Input, Output>, action: String,
        _ handler: @escaping @Sendable (Input, RequestContext) async throws -> Output
    ) {
        rows[operation.name] = Row(action: action) { input, context in
            try await handler(Input(input), context).shapeValue
        }
    }
}
