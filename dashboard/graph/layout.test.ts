import { expect, test } from "bun:test";
import { curve } from "./curve.ts";
import { layOut, nodeHeight, nodeWidth, type Layout } from "./layout.ts";

const node = (id: string, box = "n") => ({ id, box });
const edge = (from: string, to: string) => ({ from, to });

function overlaps({ nodes }: Layout): string[] {
  const all = [...nodes];
  return all.flatMap(([a, p], index) =>
    all
      .slice(index + 1)
      .filter(([, q]) => Math.abs(p.x - q.x) < nodeWidth && Math.abs(p.y - q.y) < nodeHeight)
      .map(([b]) => `${a} ${b}`),
  );
}

test("callers stand left of those they call", () => {
  const { nodes } = layOut(
    [node("db"), node("api"), node("web")],
    [edge("web", "api"), edge("api", "db"), edge("web", "db")],
  );
  const x = (id: string): number => nodes.get(id)!.x;
  expect(x("web")).toBeLessThan(x("api"));
  expect(x("api")).toBeLessThan(x("db"));
});

test("circles, self-calls and edges to unknown nodes don't confuse it", () => {
  const layout = layOut(
    [node("a"), node("b"), node("c")],
    [edge("a", "b"), edge("b", "c"), edge("c", "a"), edge("a", "a"), edge("a", "gone"), edge("gone", "a")],
  );
  expect(layout.nodes.size).toBe(3);
  expect(overlaps(layout)).toEqual([]);
});

test("each namespace has a box around its nodes, and boxes don't overlap", () => {
  const layout = layOut(
    [node("a", "one"), node("b", "one"), node("c", "two"), node("d", "three")],
    [edge("a", "b"), edge("b", "c")],
  );
  expect(layout.boxes.map(({ name }) => name)).toEqual(["one", "three", "two"]);
  for (const [id, box] of [
    ["a", "one"],
    ["b", "one"],
    ["c", "two"],
  ] as const) {
    const place = layout.nodes.get(id)!;
    const around = layout.boxes.find(({ name }) => name === box)!;
    expect(place.x >= around.x && place.x + nodeWidth <= around.x + around.width).toBe(true);
    expect(place.y >= around.y && place.y + nodeHeight <= around.y + around.height).toBe(true);
  }
  const [first, second] = layout.boxes;
  expect(second!.x >= first!.x + first!.width || second!.y >= first!.y + first!.height).toBe(true);
});

test("500 workloads are placed without overlap, fast and the same each time", () => {
  const nodes = Array.from({ length: 500 }, (_, index) => node(`w${index}`, `ns${index % 20}`));
  const edges = Array.from({ length: 1500 }, (_, index) =>
    edge(`w${(index * 7) % 500}`, `w${(index * 13 + 20) % 500}`),
  );
  const start = performance.now();
  const layout = layOut(nodes, edges);
  expect(performance.now() - start).toBeLessThan(500);
  expect(overlaps(layout)).toEqual([]);
  expect(layOut(nodes, edges)).toEqual(layout);
});

test("a chain longer than any stack is placed", () => {
  const nodes = Array.from({ length: 20_000 }, (_, index) => node(`w${index}`));
  const edges = nodes.slice(1).map(({ id }, index) => edge(`w${index}`, id));
  expect(layOut(nodes, edges).nodes.size).toBe(20_000);
});

test("a line goes from the caller's right side to the left side of whom it calls, with its middle between", () => {
  const { path, middle } = curve({ x: 0, y: 0 }, { x: 500, y: 100 });
  expect(path.startsWith(`M${nodeWidth} ${nodeHeight / 2}C`)).toBe(true);
  expect(path.endsWith(` 500 ${100 + nodeHeight / 2}`)).toBe(true);
  expect(middle.x).toBeCloseTo((nodeWidth + 500) / 2);
});

test("a line to the lower left leaves below and arrives above", () => {
  const { path } = curve({ x: 600, y: 0 }, { x: 0, y: 300 });
  expect(path.startsWith(`M${600 + nodeWidth / 2} ${nodeHeight}C`)).toBe(true);
  expect(path.endsWith(` ${nodeWidth / 2} 300`)).toBe(true);
});
