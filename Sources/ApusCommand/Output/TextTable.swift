/// Rows in columns for eyes, separated by tabs for programs.
package struct TextTable: Sendable {
    private let headings: [String]
    private var rows: [[String]] = []

    package init(_ headings: [String]) { self.headings = headings }

    /// - Parameter row: as many cells as there are headings.
    package mutating func add(_ row: [String]) { rows.append(row) }

    /// - Parameter isInteractive: pads the columns and puts headings above them.
    package func text(isInteractive: Bool) -> String {
        guard isInteractive else { return rows.map { $0.joined(separator: "\t") + "\n" }.joined() }
        let all = [headings] + rows
        let widths = headings.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            let cells = zip(row, widths).map { cell, width in cell + String(repeating: " ", count: width - cell.count) }
            return cells.joined(separator: "  ").trimmedEnd + "\n"
        }.joined()
    }
}

extension String {
    fileprivate var trimmedEnd: Substring {
        guard let last = lastIndex(where: { $0 != " " }) else { return self[..<startIndex] }
        return self[...last]
    }
}
