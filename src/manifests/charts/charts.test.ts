import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { version } from "#lib/version.ts";
import { allCharts } from "./charts.ts";

const folder = join(import.meta.dir, "../../../charts");

test("the charts are what the source makes of them", () => {
  for (const { name, files } of allCharts(version)) {
    const root = join(folder, name);
    if (process.env["UPDATE_GOLDEN"] === "1") {
      rmSync(root, { recursive: true, force: true });
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(root, path)), { recursive: true });
        writeFileSync(join(root, path), text);
      }
    }
    const found = readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
    expect(found.toSorted()).toEqual(Object.keys(files).toSorted());
    for (const [path, text] of Object.entries(files)) expect(readFileSync(join(root, path), "utf8")).toBe(text);
  }
});

test("nothing in a template is random, depends on the time or asks the cluster", () => {
  const forbidden = /\b(lookup|gen[A-Z]\w*|derivePassword|rand\w+|uuidv4|now|date\w*|htpasswd|getHostByName|env)\b/;
  for (const { files } of allCharts(version)) {
    for (const [path, text] of Object.entries(files)) {
      if (!path.startsWith("templates/") || path.endsWith(".txt")) continue;
      for (const action of text.match(/\{\{.*?\}\}/gs) ?? []) {
        const code = action.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""').replaceAll(/\/\*.*?\*\//gs, "");
        expect([path, forbidden.exec(code)?.[0]]).toEqual([path, undefined]);
      }
    }
  }
});
