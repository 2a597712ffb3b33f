/** Tables as kubectl and linkerd print them: columns padded with spaces, no boxes, nothing but data. */

export interface Column<Row> {
  readonly header: string;
  readonly value: (row: Row) => string;
  /** Numbers are aligned right; default left. */
  readonly align?: "left" | "right";
}

/** The table with a header line; columns are `gap` spaces apart and lines have no trailing spaces. */
export function table<Row>(columns: ReadonlyArray<Column<Row>>, rows: readonly Row[], gap = 3): string {
  const cells = rows.map((row) => columns.map((column) => column.value(row)));
  const widths = columns.map((column, i) =>
    Math.max(displayWidth(column.header), ...cells.map((line) => displayWidth(line[i] ?? ""))),
  );
  const print = (line: readonly string[]): string =>
    line
      .map((cell, i) => {
        const padding = " ".repeat((widths[i] ?? 0) - displayWidth(cell));
        return columns[i]?.align === "right" ? padding + cell : cell + padding;
      })
      .join(" ".repeat(gap))
      .trimEnd();
  return [columns.map((column) => column.header), ...cells].map((line) => `${print(line)}\n`).join("");
}

function displayWidth(text: string): number {
  return Bun.stringWidth(text);
}
