/** A table that sorts by its columns; the order stands in the page's address, so that it is shared with it. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { useSearchParams } from "wouter-preact";

/** Rows that are shown at first; a longer table has a button for the rest. */
const rowLimit = 100;

export interface Column<Row> {
  readonly id: string;
  readonly title: string;
  /** What it means, for those who wonder. */
  readonly hint?: string;
  readonly cell: (row: Row) => ComponentChildren;
  /** Rows are ordered by it; null comes last in either direction. */
  readonly value?: (row: Row) => string | number | null;
  readonly numeric?: boolean;
}

export interface Order {
  readonly column: string;
  readonly down: boolean;
}

/** `-rps` → by rps, largest first. */
export function readOrder(text: string | null): Order | null {
  if (text === null || text === "") return null;
  return text.startsWith("-") ? { column: text.slice(1), down: true } : { column: text, down: false };
}

export function sortRows<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  order: Order | null,
): readonly Row[] {
  const value = columns.find(({ id }) => id === order?.column)?.value;
  if (value === undefined || order === null) return rows;
  const sign = order.down ? -1 : 1;
  return rows.toSorted((a, b) => {
    const left = value(a);
    const right = value(b);
    if (left === right) return 0;
    if (left === null) return 1;
    if (right === null) return -1;
    return left < right ? -sign : sign;
  });
}

export function Table<Row>(props: {
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string;
  /** Parameter of the address that holds the order. Default "sort". */
  orderName?: string;
}) {
  const { columns, orderName = "sort" } = props;
  const [params, setParams] = useSearchParams();
  const order = readOrder(params.get(orderName));
  const [all, setAll] = useState(false);
  const sorted = sortRows(props.rows, columns, order);
  const shown = all ? sorted : sorted.slice(0, rowLimit);
  const sortBy = (column: Column<Row>): void => {
    // Numbers are most telling from the top; the third press takes the order away.
    const first = column.numeric === true ? `-${column.id}` : column.id;
    const second = column.numeric === true ? column.id : `-${column.id}`;
    const now = params.get(orderName);
    const next = now === first ? second : now === second ? null : first;
    setParams(
      (before) => {
        const after = new URLSearchParams(before);
        if (next === null) after.delete(orderName);
        else after.set(orderName, next);
        return after;
      },
      { replace: true },
    );
  };
  return (
    <div class="table-scroll" tabIndex={0} role="region" aria-label={props.label}>
      <table>
        <thead>
          <tr>
            {columns.map((column) => (
              <th
                key={column.id}
                scope="col"
                class={headClass(column)}
                aria-sort={order?.column === column.id ? (order.down ? "descending" : "ascending") : undefined}
              >
                {column.value === undefined ? (
                  column.title
                ) : (
                  <button type="button" title={column.hint} onClick={() => sortBy(column)}>
                    {column.title}
                    <span class="sort-sign" aria-hidden="true">
                      {order?.column === column.id ? (order.down ? "↓" : "↑") : ""}
                    </span>
                  </button>
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((row) => (
            <tr key={props.rowKey(row)}>
              {columns.map((column) => (
                <td key={column.id} class={column.numeric === true ? "numeric" : undefined}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {shown.length < sorted.length && (
        <button type="button" class="more" onClick={() => setAll(true)}>
          Show all {sorted.length}
        </button>
      )}
    </div>
  );
}

function headClass<Row>({ id, numeric }: Column<Row>): string | undefined {
  if (id === "success" || id === "security") return `${numeric === true ? "numeric " : ""}${id}-column`;
  return numeric === true ? "numeric" : undefined;
}
