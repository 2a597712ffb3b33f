/**
 * Places the workloads of the topology: each namespace is a box in which callers stand left of those they call.
 * Pure and deterministic, so that a graph does not jump while its numbers change.
 */

export interface LayoutNode {
  readonly id: string;
  /** Nodes of one box. */
  readonly box: string;
}

export interface LayoutEdge {
  readonly from: string;
  readonly to: string;
}

export interface Placed {
  readonly x: number;
  readonly y: number;
}

export interface Box extends Placed {
  readonly name: string;
  readonly width: number;
  readonly height: number;
}

export interface Layout {
  /** Upper left corner of each node. */
  readonly nodes: ReadonlyMap<string, Placed>;
  readonly boxes: readonly Box[];
  readonly width: number;
  readonly height: number;
}

export const nodeWidth = 196;
export const nodeHeight = 54;
const gapX = 96;
const gapY = 20;
const padding = 20;
const boxTitle = 30;
const boxGap = 56;
/** Nodes above each other; more of the same rank go into a further column. */
const columnLimit = 10;
/** Boxes flow into rows no wider than this, unless one alone is. */
const rowWidth = 1300;

interface Block {
  readonly name: string;
  readonly places: ReadonlyMap<string, Placed>;
  readonly width: number;
  readonly height: number;
}

export function layOut(nodes: readonly LayoutNode[], edges: readonly LayoutEdge[]): Layout {
  const members = new Map<string, string[]>();
  for (const { id, box } of nodes) {
    const known = members.get(box);
    if (known === undefined) members.set(box, [id]);
    else known.push(id);
  }
  const boxOf = new Map(nodes.map(({ id, box }) => [id, box]));
  const blocks = [...members].map(([name, ids]) =>
    layOutBox(
      name,
      ids,
      edges.filter(({ from, to }) => boxOf.get(from) === name && boxOf.get(to) === name && from !== to),
    ),
  );
  // Boxes that call others come before those: the eye follows traffic from the upper left.
  const order = ranks(
    blocks.map(({ name }) => name),
    edges.flatMap(({ from, to }) => {
      const a = boxOf.get(from);
      const b = boxOf.get(to);
      return a === undefined || b === undefined || a === b ? [] : [{ from: a, to: b }];
    }),
  );
  const sorted = blocks.toSorted(
    (a, b) => (order.get(a.name) ?? 0) - (order.get(b.name) ?? 0) || b.places.size - a.places.size,
  );

  const placed = new Map<string, Placed>();
  const boxes: Box[] = [];
  let x = 0;
  let y = 0;
  let rowHeight = 0;
  let width = 0;
  for (const block of sorted) {
    if (x > 0 && x + block.width > rowWidth) {
      x = 0;
      y += rowHeight + boxGap;
      rowHeight = 0;
    }
    boxes.push({ name: block.name, x, y, width: block.width, height: block.height });
    for (const [id, place] of block.places) placed.set(id, { x: x + place.x, y: y + place.y });
    width = Math.max(width, x + block.width);
    rowHeight = Math.max(rowHeight, block.height);
    x += block.width + boxGap;
  }
  return { nodes: placed, boxes, width, height: y + rowHeight };
}

function layOutBox(name: string, ids: readonly string[], edges: readonly LayoutEdge[]): Block {
  const linked = new Set(edges.flatMap(({ from, to }) => [from, to]));
  const rank = ranks(
    ids.filter((id) => linked.has(id)),
    edges,
  );
  const columns: string[][] = [];
  for (const [id, index] of rank) (columns[index] ??= []).push(id);
  sortColumns(columns, edges);
  const lone = ids.filter((id) => !linked.has(id));
  // Workloads that call nobody here stand below the graph, as wide as it.
  const split = columns.flatMap((column) => chunks(column, columnLimit));
  const graphColumns = Math.max(split.length, lone.length > 0 ? Math.min(lone.length, 4) : 1);
  const tallest = Math.max(0, ...split.map(({ length }) => length));
  const places = new Map<string, Placed>();
  const graphHeight = tallest === 0 ? 0 : tallest * nodeHeight + (tallest - 1) * gapY;
  split.forEach((column, index) => {
    const height = column.length * nodeHeight + (column.length - 1) * gapY;
    column.forEach((id, row) => {
      places.set(id, {
        x: padding + index * (nodeWidth + gapX),
        y: padding + boxTitle + (graphHeight - height) / 2 + row * (nodeHeight + gapY),
      });
    });
  });
  const width = graphColumns * nodeWidth + (graphColumns - 1) * gapX + 2 * padding;
  const perRow = Math.max(1, Math.floor((width - 2 * padding + gapY) / (nodeWidth + gapY)));
  const loneTop = padding + boxTitle + (graphHeight === 0 ? 0 : graphHeight + gapY);
  lone.forEach((id, index) => {
    places.set(id, {
      x: padding + (index % perRow) * (nodeWidth + gapY),
      y: loneTop + Math.floor(index / perRow) * (nodeHeight + gapY),
    });
  });
  const loneRows = Math.ceil(lone.length / perRow);
  const bottom = loneRows === 0 ? padding + boxTitle + graphHeight : loneTop + loneRows * (nodeHeight + gapY) - gapY;
  const narrow = split.length === 0 ? Math.min(lone.length, perRow) * (nodeWidth + gapY) - gapY + 2 * padding : width;
  return { name, places, width: narrow, height: bottom + padding };
}

/** How many calls away from a caller that nobody calls; edges that close a circle don't count. */
function ranks(ids: readonly string[], edges: readonly LayoutEdge[]): Map<string, number> {
  const targets = new Map<string, string[]>(ids.map((id) => [id, []]));
  const called = new Set<string>();
  for (const { from, to } of edges) {
    if (from === to || !targets.has(to)) continue;
    targets.get(from)?.push(to);
    called.add(to);
  }
  const rank = new Map<string, number>(ids.map((id) => [id, 0]));
  const done: string[] = [];
  const state = new Map<string, "open" | "closed">();
  const circles = new Set<string>();
  // Depth first with a stack of its own: chains may be longer than the runtime's.
  for (const start of [...ids.filter((id) => !called.has(id)), ...ids]) {
    if (state.has(start)) continue;
    const stack: { id: string; next: number }[] = [{ id: start, next: 0 }];
    state.set(start, "open");
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const target = targets.get(top.id)?.[top.next++];
      if (target === undefined) {
        state.set(top.id, "closed");
        done.push(top.id);
        stack.pop();
      } else if (state.get(target) === "open") {
        circles.add(`${top.id}\n${target}`);
      } else if (!state.has(target)) {
        state.set(target, "open");
        stack.push({ id: target, next: 0 });
      }
    }
  }
  for (const id of done.toReversed()) {
    for (const target of targets.get(id) ?? []) {
      if (circles.has(`${id}\n${target}`)) continue;
      rank.set(target, Math.max(rank.get(target) ?? 0, (rank.get(id) ?? 0) + 1));
    }
  }
  return rank;
}

/** Moves nodes of a column to the middle of those they are linked with in the column before, which uncrosses edges. */
function sortColumns(columns: string[][], edges: readonly LayoutEdge[]): void {
  const neighbours = new Map<string, string[]>();
  for (const { from, to } of edges) {
    (neighbours.get(from) ?? neighbours.set(from, []).get(from)!).push(to);
    (neighbours.get(to) ?? neighbours.set(to, []).get(to)!).push(from);
  }
  for (const column of columns) column.sort();
  for (let sweep = 0; sweep < 4; sweep++) {
    const forward = sweep % 2 === 0;
    for (let step = 1; step < columns.length; step++) {
      const index = forward ? step : columns.length - 1 - step;
      const fixed = columns[forward ? index - 1 : index + 1] ?? [];
      const position = new Map(fixed.map((id, at) => [id, at]));
      const middle = (id: string): number => {
        const at = (neighbours.get(id) ?? []).flatMap((other) => position.get(other) ?? []);
        return at.length === 0 ? Number.MAX_SAFE_INTEGER : at.reduce((sum, value) => sum + value, 0) / at.length;
      };
      columns[index] = (columns[index] ?? []).toSorted((a, b) => middle(a) - middle(b));
    }
  }
}

function chunks<T>(list: readonly T[], size: number): T[][] {
  const result: T[][] = [];
  for (let at = 0; at < list.length; at += size) result.push(list.slice(at, at + size));
  return result;
}
