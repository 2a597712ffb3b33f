/**
 * Writes images: an OCI image layout (github.com/opencontainers/image-spec, image-layout.md) with one index per image over
 * its architectures, and archives in the form of `docker save`, which containerd, kind and Docker import.
 */
import { createHash } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { tar, type TarEntry } from "./tar.ts";

export type Arch = "amd64" | "arm64";

/** One layer, both as the bytes that are stored and as the archive that they unpack to. */
export interface Layer {
  readonly archive: Uint8Array;
  readonly compressed: Uint8Array;
  /** Digest of the archive, "sha256:…": how a config names the layer. */
  readonly diffId: string;
}

/** What a container of an image starts with when its pod says nothing else. */
export interface ImageSettings {
  readonly entrypoint: readonly string[];
  readonly env: readonly string[];
  /** Numeric, as Kubernetes' runAsNonRoot wants it. */
  readonly user: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface Image {
  /** With its tag: "cr.l5d.io/linkerd/proxy:0.1.0". */
  readonly name: string;
  readonly settings: ImageSettings;
  readonly layers: ReadonlyMap<Arch, readonly Layer[]>;
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: { readonly architecture: Arch; readonly os: "linux" };
  readonly annotations?: Readonly<Record<string, string>>;
}

const mediaType = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar+gzip",
} as const;

/** The time that images carry: SOURCE_DATE_EPOCH in seconds (reproducible-builds.org/specs/source-date-epoch), else 1970. */
export function buildTime(env: Readonly<Record<string, string | undefined>>): string {
  return new Date(Number(env["SOURCE_DATE_EPOCH"] ?? 0) * 1000).toISOString().replace(".000Z", "Z");
}

export function sha256(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** A layer of these entries. Level 6 of gzip, which has no time in its header here: the same entries, the same bytes. */
export function makeLayer(entries: readonly TarEntry[]): Layer {
  const archive = tar(entries);
  const compressed = Bun.gzipSync(archive as Uint8Array<ArrayBuffer>, { level: 6 });
  return { archive, compressed, diffId: `sha256:${sha256(archive)}` };
}

/** The image config (image-spec, config.md). `created` is the same for all builds of the same commit. */
export function imageConfig(image: Image, arch: Arch, created: string): string {
  return JSON.stringify({
    created,
    architecture: arch,
    os: "linux",
    config: {
      User: image.settings.user,
      Env: image.settings.env,
      Entrypoint: image.settings.entrypoint,
      WorkingDir: "/",
      Labels: image.settings.labels,
    },
    rootfs: { type: "layers", diff_ids: (image.layers.get(arch) ?? []).map(({ diffId }) => diffId) },
    history: (image.layers.get(arch) ?? []).map(() => ({ created, created_by: "scripts/image" })),
  });
}

/** The files of a layout, by their paths in it. */
export function imageLayout(images: readonly Image[], created: string): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  const written = new Map<Layer, Descriptor>();
  const blob = (type: string, content: Uint8Array | string): Descriptor => {
    const bytes = typeof content === "string" ? Buffer.from(content) : content;
    const digest = sha256(bytes);
    files.set(`blobs/sha256/${digest}`, bytes);
    return { mediaType: type, digest: `sha256:${digest}`, size: bytes.length };
  };
  const layerBlob = (layer: Layer): Descriptor => {
    const known = written.get(layer) ?? blob(mediaType.layer, layer.compressed);
    written.set(layer, known);
    return known;
  };
  const manifests = images.map((image): Descriptor => {
    const perArch = [...image.layers].map(([arch, layers]): Descriptor => {
      const manifest = {
        schemaVersion: 2,
        mediaType: mediaType.manifest,
        config: blob(mediaType.config, imageConfig(image, arch, created)),
        layers: layers.map(layerBlob),
        annotations: image.settings.labels,
      };
      return {
        ...blob(mediaType.manifest, JSON.stringify(manifest)),
        platform: { architecture: arch, os: "linux" },
      };
    });
    const index = { schemaVersion: 2, mediaType: mediaType.index, manifests: perArch };
    return {
      ...blob(mediaType.index, JSON.stringify(index)),
      // The second is how containerd names what it imports.
      annotations: {
        "org.opencontainers.image.ref.name": image.name,
        "io.containerd.image.name": image.name,
      },
    };
  });
  files.set("oci-layout", Buffer.from(JSON.stringify({ imageLayoutVersion: "1.0.0" })));
  const index = { schemaVersion: 2, mediaType: mediaType.index, manifests };
  files.set("index.json", Buffer.from(JSON.stringify(index)));
  return files;
}

/** Writes a layout into `folder`, which is made anew. */
export function writeLayout(folder: string, files: ReadonlyMap<string, Uint8Array>): void {
  rmSync(folder, { recursive: true, force: true });
  for (const [path, bytes] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  }
}

/** A layout as one file, which `ctr images import`, `kind load image-archive` and `skopeo` take. */
export function layoutArchive(files: ReadonlyMap<string, Uint8Array>): Uint8Array {
  return tar([...files].map(([path, data]) => ({ kind: "file", path, data })));
}

/** One archive with the images of one architecture; layers that they share are in it once, not compressed. */
export function dockerArchive(images: readonly Image[], arch: Arch, created: string): Uint8Array {
  const files = new Map<string, TarEntry>();
  const add = (path: string, data: Uint8Array): string => {
    files.set(path, { kind: "file", path, data });
    return path;
  };
  const manifest = images.map((image) => {
    const config = Buffer.from(imageConfig(image, arch, created));
    return {
      Config: add(`${sha256(config)}.json`, config),
      RepoTags: [image.name],
      Layers: (image.layers.get(arch) ?? []).map(({ archive, diffId }) =>
        add(`${diffId.slice("sha256:".length)}.tar`, archive),
      ),
    };
  });
  add("manifest.json", Buffer.from(JSON.stringify(manifest)));
  return tar([...files.values()]);
}
