import { describe, expect, test } from "bun:test";
import { ObjectIndex } from "./object-index.ts";

interface Thing {
  readonly metadata: { readonly namespace: string; readonly name: string; readonly resourceVersion: string };
  readonly ip: string;
}
const thing = (name: string, ip: string, version = "1"): Thing => ({
  metadata: { namespace: "web", name, resourceVersion: version },
  ip,
});

function setup() {
  const touched: string[] = [];
  const index = new ObjectIndex<Thing>({ named: "thing", topicsOf: ({ ip }) => [`ip:${ip}`] }, (topic) =>
    touched.push(topic),
  );
  return { index, touched, take: () => touched.splice(0).toSorted() };
}

describe("ObjectIndex", () => {
  test("touches the topics of the old and of the new object", () => {
    const { index, take } = setup();
    index.apply(thing("a", "1"));
    expect(take()).toEqual(["ip:1", "thing:web/a"]);
    index.apply(thing("a", "2"));
    expect(take()).toEqual(["ip:1", "ip:2", "thing:web/a"]);
    index.delete("web", "a");
    expect(take()).toEqual(["ip:2", "thing:web/a"]);
    index.delete("web", "a");
    expect(take()).toEqual([]);
  });

  test("finds by topic what has it now", () => {
    const { index } = setup();
    index.apply(thing("a", "1"));
    index.apply(thing("b", "1"));
    index.apply(thing("a", "2"));
    expect(index.find("ip:1").map(({ metadata }) => metadata.name)).toEqual(["b"]);
    expect(index.find("ip:3")).toEqual([]);
  });

  test("finds all that share a topic, in the order of their coming, whoever goes", () => {
    const { index } = setup();
    const names = () => index.find("ip:1").map(({ metadata }) => metadata.name);
    for (const name of ["a", "b", "c", "b"]) index.apply(thing(name, "1"));
    expect(names()).toEqual(["a", "c", "b"]);
    index.delete("web", "c");
    index.delete("web", "a");
    expect(names()).toEqual(["b"]);
    index.apply(thing("b", "1", "2"));
    index.apply(thing("d", "1"));
    expect(names()).toEqual(["b", "d"]);
    for (const name of ["b", "d", "d"]) index.delete("web", name);
    expect(names()).toEqual([]);
  });

  test("a reset removes what vanished and keeps the versions of the rest", () => {
    const { index, take } = setup();
    index.apply(thing("a", "1"));
    index.apply(thing("b", "2"));
    take();
    index.reset([thing("b", "2", "9")], [{ namespace: "web", name: "a" }]);
    expect([...index.versions()]).toEqual([["web/b", "9"]]);
    expect(take()).toContain("ip:1");
    expect([index.fed, index.size]).toEqual([true, 1]);
  });
});
