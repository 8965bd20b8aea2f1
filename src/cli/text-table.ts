// Tables of text: columns as wide as their widest cell, numbers to the right.

/** A cell: a number is set to the right; null is shown as `-`. */
export type Cell = string | number | null;

/**
 * The lines of a table under its headings, each ended by a newline.
 *
 * @param headings One for each column.
 * @param rows     Cells, as many as headings.
 */
export function textTable(headings: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const texts = rows.map((row) => row.map((cell) => (cell === null ? "-" : String(cell))));
  const widths = headings.map((heading, column) =>
    texts.reduce((width, row) => Math.max(width, row[column]?.length ?? 0), heading.length),
  );
  const isNumeric = headings.map((_, column) =>
    rows.some((row) => typeof row[column] === "number"),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return isNumeric[column] === true ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd();
  return [headings, ...texts].map((cells) => `${line(cells)}\n`).join("");
}
