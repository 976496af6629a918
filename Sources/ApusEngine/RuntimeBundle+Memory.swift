package import ApusModel

extension RuntimeBundle {
    /// The bundle for functions of one memory size. It differs only where the command line has a place for the size: what has to know
    /// it to boot, as a Java machine does for its heap, cannot be told later.
    package func sized(for memory: MemorySize) -> RuntimeBundle {
        let place = "{memory}"
        guard arguments.contains(where: { $0.contains(place) }) else { return self }
        var sized = self
        sized.arguments = arguments.map { $0.replacing(place, with: "\(memory.megabytes)") }
        sized.stock = "\(id) \(memory.megabytes) MB"
        return sized
    }
}
