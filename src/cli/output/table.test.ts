import { expect, test } from "bun:test";
import { table } from "./table.ts";

test("table() pads columns, aligns numbers right and leaves no trailing spaces", () => {
  const text = table(
    [
      { header: "NAME", value: (row: { name: string; n: number }) => row.name },
      { header: "COUNT", value: (row) => String(row.n), align: "right" },
      { header: "NOTE", value: () => "" },
    ],
    [
      { name: "web", n: 7 },
      { name: "voting√", n: 12_345_678 },
    ],
  );
  expect(text).toBe("NAME         COUNT   NOTE\nweb              7\nvoting√   12345678\n");
});

test("table() of no rows is the header line", () => {
  expect(table([{ header: "A", value: () => "" }], [])).toBe("A\n");
});
