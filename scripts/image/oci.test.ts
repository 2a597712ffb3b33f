import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { dockerArchive, imageLayout, makeLayer, sha256, writeLayout, type Image } from "./oci.ts";

const created = "1970-01-01T00:00:00Z";
const layer = makeLayer([{ kind: "file", path: "etc/passwd", data: Buffer.from("root") }]);
const other = makeLayer([{ kind: "file", path: "arm", data: Buffer.from("arm") }]);

function image(name: string): Image {
  return {
    name,
    settings: { entrypoint: ["/bin/x", name], env: ["PATH=/bin"], user: "2102", labels: { a: "b" } },
    layers: new Map([
      ["amd64", [layer]],
      ["arm64", [other]],
    ]),
  };
}

interface Descriptor {
  digest: string;
  size: number;
  platform?: { architecture: string };
  annotations?: Record<string, string>;
}

test("A layout leads from each name over its architectures to the layers, and every digest and size is true", () => {
  const folder = mkdtempSync(join(tmpdir(), "linkerd-oci-"));
  try {
    writeLayout(folder, imageLayout([image("r/one:1"), image("r/two:1")], created));
    const blob = (descriptor: Descriptor): Buffer => {
      const bytes = readFileSync(join(folder, "blobs/sha256", descriptor.digest.slice(7)));
      expect([descriptor.size, descriptor.digest]).toEqual([bytes.length, `sha256:${sha256(bytes)}`]);
      return bytes;
    };
    const json = (descriptor: Descriptor): Record<string, never> => JSON.parse(blob(descriptor).toString());
    const top = JSON.parse(readFileSync(join(folder, "index.json"), "utf8")) as { manifests: Descriptor[] };
    expect(top.manifests.map((one) => one.annotations?.["io.containerd.image.name"])).toEqual(["r/one:1", "r/two:1"]);
    for (const entry of top.manifests) {
      const index = json(entry) as unknown as { manifests: Descriptor[] };
      expect(index.manifests.map((one) => one.platform?.architecture)).toEqual(["amd64", "arm64"]);
      for (const [at, manifestEntry] of index.manifests.entries()) {
        const manifest = json(manifestEntry) as unknown as { config: Descriptor; layers: Descriptor[] };
        const config = json(manifest.config) as unknown as { rootfs: { diff_ids: string[] }; config: { User: string } };
        expect(config.config.User).toBe("2102");
        const archives = manifest.layers.map((one) => gunzipSync(blob(one)));
        expect(archives).toEqual([Buffer.from([layer, other][at]!.archive)]);
        expect(config.rootfs.diff_ids).toEqual(archives.map((archive) => `sha256:${sha256(archive)}`));
      }
    }
    // Two layers, and per image two configs, two manifests and an index.
    expect(readdirSync(join(folder, "blobs/sha256"))).toHaveLength(2 + 2 * 5);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("An archive has each layer once and says which image has which", () => {
  const archive = dockerArchive([image("r/one:1"), image("r/two:1")], "amd64", created);
  const run = Bun.spawnSync(["tar", "-xOf", "-", "manifest.json"], { stdin: archive });
  const layers = [`${layer.diffId.slice(7)}.tar`];
  expect(JSON.parse(run.stdout.toString())).toMatchObject([
    { RepoTags: ["r/one:1"], Layers: layers },
    { RepoTags: ["r/two:1"], Layers: layers },
  ]);
  expect(dockerArchive([image("r/one:1"), image("r/two:1")], "amd64", created)).toEqual(archive);
});

test("The same entries give the same compressed bytes", () => {
  const again = makeLayer([{ kind: "file", path: "etc/passwd", data: Buffer.from("root") }]);
  expect(again.compressed).toEqual(layer.compressed);
  // No time in gzip's header (RFC 1952, section 2.3).
  expect([...layer.compressed.subarray(4, 8)]).toEqual([0, 0, 0, 0]);
});
