import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseYaml } from "#manifests/yaml.ts";
import { sha256 } from "../image/oci.ts";
import { chartIndex, packChart } from "./chart-archive.ts";

function withChart(files: Readonly<Record<string, string>>, run: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "linkerd-chart-"));
  try {
    mkdirSync(join(folder, "templates"));
    for (const [path, text] of Object.entries(files)) writeFileSync(join(folder, path), text);
    run(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const chart = { "Chart.yaml": "apiVersion: v2\nname: mesh\nversion: 1.2.3\n", "templates/a.yaml": "a: 1\n" };

test("A chart's archive has its files below its name and is the same each time", () => {
  withChart(chart, (folder) => {
    const packed = packChart(folder);
    expect(packed.file).toBe("mesh-1.2.3.tgz");
    expect(packChart(folder).bytes).toEqual(packed.bytes);
    const list = Bun.spawnSync(["tar", "-tzf", "-"], { stdin: packed.bytes });
    expect(list.stdout.toString().split("\n")).toContain("mesh/templates/a.yaml");
    expect(list.stdout.toString()).toContain("mesh/Chart.yaml\n");
  });
});

test("The index says where each chart is and what its digest must be", () => {
  withChart(chart, (folder) => {
    const packed = packChart(folder);
    const index = parseYaml(chartIndex([packed], "", "1970-01-01T00:00:00Z"), "index.yaml");
    expect(index).toMatchObject([
      { entries: { mesh: [{ version: "1.2.3", urls: ["mesh-1.2.3.tgz"], digest: sha256(packed.bytes) }] } },
    ]);
  });
});

test("A folder without a chart's name is refused", () => {
  withChart({ "Chart.yaml": "version: 1.2.3\n" }, (folder) => {
    expect(() => packChart(folder)).toThrow("has no name or version");
  });
});
