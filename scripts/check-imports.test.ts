import { describe, expect, test } from "bun:test";
import { checkTree, cycles, importsOf } from "./check-imports.ts";

const tree = (files: Record<string, string>): Map<string, string> => new Map(Object.entries(files));

describe("checkTree()", () => {
  test("accepts imports that go down", () => {
    expect(
      checkTree(tree({ "lib/a.ts": "export const a = 1;", "wire/b.ts": 'import { a } from "#lib/a.ts";' })),
    ).toEqual([]);
  });

  test("refuses an import that goes up", () => {
    const offences = checkTree(
      tree({ "lib/a.ts": 'import { b } from "#wire/b.ts";', "wire/b.ts": "export const b = 1;" }),
    );
    expect(offences).toEqual(["src/lib/a.ts:1 imports wire/b.ts, which lib/ may not (value)"]);
  });

  test("refuses kube in the proxy, also as types and also spelled relatively", () => {
    const files = { "kube/k.ts": "export type K = 1;" };
    expect(checkTree(tree({ ...files, "proxy/x.ts": 'import type { K } from "#kube/k.ts";' }))).toHaveLength(1);
    expect(checkTree(tree({ ...files, "proxy/x.ts": 'import { K } from "../kube/k.ts";' }))).toHaveLength(1);
    expect(checkTree(tree({ ...files, "proxy/x.ts": 'const k = await import("#kube/k.ts");' }))).toHaveLength(1);
  });

  test("lets manifests import types of kube but not values", () => {
    const files = { "kube/k.ts": "export type K = 1;" };
    expect(checkTree(tree({ ...files, "manifests/x.ts": 'import type { K } from "#kube/k.ts";' }))).toEqual([]);
    expect(checkTree(tree({ ...files, "manifests/x.ts": 'import { K } from "#kube/k.ts";' }))).toHaveLength(1);
  });

  test("lets the CLI load programs on demand only", () => {
    const files = { "proxy/main.ts": "export const main = 1;" };
    expect(checkTree(tree({ ...files, "cli/c.ts": 'await import("#proxy/main.ts");' }))).toEqual([]);
    expect(checkTree(tree({ ...files, "cli/c.ts": 'import { main } from "#proxy/main.ts";' }))).toHaveLength(1);
  });

  test("refuses inbound and outbound importing each other, even types", () => {
    const files = { "proxy/outbound/o.ts": "export type O = 1;" };
    expect(
      checkTree(tree({ ...files, "proxy/inbound/i.ts": 'import type { O } from "../outbound/o.ts";' })),
    ).toHaveLength(1);
  });

  test("refuses barrels, missing files and folders without a rule", () => {
    expect(checkTree(tree({ "lib/index.ts": "" }))).toHaveLength(1);
    expect(checkTree(tree({ "lib/a.ts": 'import "./gone.ts";' }))).toHaveLength(1);
    expect(checkTree(tree({ "extra/a.ts": 'import "./b.ts";', "extra/b.ts": "" }))[0]).toContain(
      "not in scripts/import-table.ts",
    );
  });

  test("reports a cycle with all its files", () => {
    const offences = checkTree(
      tree({
        "lib/a.ts": 'import { b } from "./b.ts";',
        "lib/b.ts": 'import { c } from "./c.ts";',
        "lib/c.ts": 'import { a } from "./a.ts";',
        "lib/d.ts": 'import { a } from "./a.ts";',
      }),
    );
    expect(offences).toEqual(["import cycle: src/lib/a.ts ⇄ src/lib/b.ts ⇄ src/lib/c.ts"]);
  });

  test("does not count type imports as a cycle", () => {
    expect(
      checkTree(tree({ "lib/a.ts": 'import type { B } from "./b.ts";', "lib/b.ts": 'import { a } from "./a.ts";' })),
    ).toEqual([]);
  });
});

describe("importsOf()", () => {
  test("sees multi-line imports, re-exports and side-effect imports, and skips comments and packages", () => {
    const text = [
      "import {",
      "  a,",
      "  b,",
      '} from "./a.ts";',
      'export { c } from "./c.ts";',
      'import "./d.ts";',
      '// import { e } from "./e.ts";',
      'import { f } from "yaml";',
    ];
    expect(importsOf("lib/x.ts", text.join("\n")).map((edge) => edge.to)).toEqual(["lib/a.ts", "lib/c.ts", "lib/d.ts"]);
  });
});

describe("cycles()", () => {
  test("finds a file that imports itself", () => {
    expect(cycles([{ from: "a", to: "a", line: 1, kind: "value" }])).toEqual([["a"]]);
  });
});
