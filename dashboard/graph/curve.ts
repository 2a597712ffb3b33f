/** The line of an edge between two placed nodes. Pure. */
import { nodeHeight, nodeWidth, type Placed } from "./layout.ts";

export interface Curve {
  /** For the `d` of a path. */
  readonly path: string;
  /** Its middle, where the lock stands. */
  readonly middle: Placed;
}

/**
 * From the right side of the caller to the left side of the called. When that lies to the left, from below to above or
 * around; within a column on the right side.
 */
export function curve(from: Placed, to: Placed): Curve {
  const left = to.x <= from.x - nodeWidth;
  const down = to.y - from.y;
  if (left && Math.abs(down) > nodeHeight) {
    const sign = Math.sign(down);
    const start = { x: from.x + nodeWidth / 2, y: from.y + (sign > 0 ? nodeHeight : 0) };
    const end = { x: to.x + nodeWidth / 2, y: to.y + (sign > 0 ? 0 : nodeHeight) };
    const bend = (sign * Math.abs(end.y - start.y)) / 2;
    return bezier(start, { x: start.x, y: start.y + bend }, { x: end.x, y: end.y - bend }, end);
  }
  const a = { x: from.x + nodeWidth, y: from.y + nodeHeight / 2 };
  const backward = to.x < from.x + nodeWidth;
  const sameColumn = Math.abs(to.x - from.x) < nodeWidth;
  const b = { x: sameColumn ? to.x + nodeWidth : to.x, y: to.y + nodeHeight / 2 };
  const reach = sameColumn ? 48 : backward ? 90 : Math.max(36, (b.x - a.x) / 2);
  const c = { x: a.x + reach, y: a.y };
  const d = { x: sameColumn ? b.x + reach : b.x - reach, y: from === to ? b.y + 40 : b.y };
  return bezier(a, c, d, b);
}

function bezier(a: Placed, c: Placed, d: Placed, b: Placed): Curve {
  return {
    path: `M${a.x} ${a.y}C${c.x} ${c.y} ${d.x} ${d.y} ${b.x} ${b.y}`,
    middle: { x: (a.x + 3 * c.x + 3 * d.x + b.x) / 8, y: (a.y + 3 * c.y + 3 * d.y + b.y) / 8 },
  };
}
