/// A place in ``Slots``. The generation tells a value from the one that had the place before.
struct Slot: Hashable, Sendable {
    let index: Int32
    let generation: UInt32
}

/// Values at places that are found without a hash and used again when they are free.
struct Slots<Value: Sendable>: Sendable {
    private var values: [(generation: UInt32, value: Value?)] = []
    private var free: [Int32] = []

    init() {}

    mutating func insert(_ value: Value) -> Slot {
        if let index = free.popLast() {
            values[Int(index)].value = value
            return Slot(index: index, generation: values[Int(index)].generation)
        }
        values.append((0, value))
        return Slot(index: Int32(values.count - 1), generation: 0)
    }

    /// Nil when the value has been taken out. Setting nil takes it out; setting a value at a place that has none does nothing.
    subscript(slot: Slot) -> Value? {
        get {
            let place = values[Int(slot.index)]
            return place.generation == slot.generation ? place.value : nil
        }
        set {
            let place = values[Int(slot.index)]
            guard place.generation == slot.generation, place.value != nil else { return }
            values[Int(slot.index)].value = newValue
            if newValue == nil {
                values[Int(slot.index)].generation &+= 1
                free.append(slot.index)
            }
        }
    }

    func slots(where isWanted: (Value) -> Bool) -> [Slot] {
        values.indices.compactMap { index in
            let place = values[index]
            guard let value = place.value, isWanted(value) else { return nil }
            return Slot(index: Int32(index), generation: place.generation)
        }
    }
}
