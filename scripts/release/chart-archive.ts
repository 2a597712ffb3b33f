/** Packs Helm charts and lists them as a chart repository (helm.sh/docs/topics/chart_repository). */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { MeshError } from "#lib/errors.ts";
import { parseYaml, toYaml } from "#manifests/yaml.ts";
import type { Json, JsonObject } from "#manifests/json.ts";
import { sha256 } from "../image/oci.ts";
import { tar, type TarEntry } from "../image/tar.ts";

export interface ChartArchive {
  /** "linkerd-crds-0.1.0.tgz" */
  readonly file: string;
  readonly bytes: Uint8Array;
  /** The content of Chart.yaml. */
  readonly chart: JsonObject;
}

/** The archive that `helm package FOLDER` would make, but always with the same bytes. */
export function packChart(folder: string): ChartArchive {
  const [chart] = parseYaml(readFileSync(join(folder, "Chart.yaml"), "utf8"), `${folder}/Chart.yaml`);
  const { name, version } = chart ?? {};
  if (chart === undefined || typeof name !== "string" || typeof version !== "string") {
    throw new MeshError("invalid-argument", `"${folder}/Chart.yaml" has no name or version`);
  }
  const entries = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => statSync(join(folder, path)).isFile())
    .map((path): TarEntry => ({ kind: "file", path: `${name}/${path}`, data: readFileSync(join(folder, path)) }));
  const archive = tar(entries) as Uint8Array<ArrayBuffer>;
  return { file: `${name}-${version}.tgz`, bytes: Bun.gzipSync(archive, { level: 9 }), chart };
}

/** The repository's index.yaml; `place` is the charts' folder relative to it. */
export function chartIndex(archives: readonly ChartArchive[], place: string, created: string): string {
  const entries: Record<string, Json> = {};
  for (const { file, bytes, chart } of archives) {
    entries[String(chart["name"])] = [{ ...chart, created, digest: sha256(bytes), urls: [`${place}${file}`] }];
  }
  return toYaml([{ apiVersion: "v1", entries, generated: created }]);
}
