import ApusModel
import ApusServiceKit
import ApusShapes

/// What `LoggingConfig` stands for. Pure.
///
/// - Source: Lambda developer guide, "Configuring advanced logging controls for Lambda functions"; a recorded refusal.
enum LoggingRules {
    /// Changes what is requested, and leaves the rest. Levels belong to the JSON format: they come and go with it.
    ///
    /// - Parameter current: nil for a new function.
    static func apply(
        _ requested: Lambda.LoggingConfig?, to current: Lambda.LoggingConfig?, function: String
    ) throws(Fault) -> Lambda.LoggingConfig {
        let isJSON = (requested?.logFormat ?? current?.logFormat) == "JSON"
        if !isJSON, requested?.applicationLogLevel != nil || requested?.systemLogLevel != nil {
            throw FunctionFaults.logLevelOfText
        }
        let (application, system) = (requested?.applicationLogLevel, requested?.systemLogLevel)
        return Lambda.LoggingConfig(
            logFormat: isJSON ? "JSON" : "Text",
            applicationLogLevel: isJSON ? application ?? current?.applicationLogLevel ?? "INFO" : nil,
            systemLogLevel: isJSON ? system ?? current?.systemLogLevel ?? "INFO" : nil,
            logGroup: requested?.logGroup ?? current?.logGroup ?? "/aws/lambda/\(function)")
    }
}
