package import ApusModel

/// Finds container images and keeps copies of them.
package protocol ImageLibrary: Sendable {
    /// Finds out which image a URI names now, and says of what cannot run here why. Takes as long as a registry does to answer.
    func resolve(_ uri: String) async throws(ImageFailure) -> ResolvedImage

    /// Copies all of an image and makes it ready to run. Takes as long as it is large; may be asked twice for one.
    func prepare(_ image: ResolvedImage) async throws(ImageFailure)
}
