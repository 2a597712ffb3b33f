/** The images that there are: names, entrypoints, and what is on top of the shared layers. */
import { join, resolve } from "node:path";
import { defaultRegistry } from "#manifests/values.ts";
import { MeshError } from "#lib/errors.ts";
import { linkerdEntrypoints } from "#local/node/images.ts";
import { makeLayer, type Arch, type Image, type Layer } from "./oci.ts";

const repository = resolve(import.meta.dir, "../..");

/** nft is in /usr/sbin. */
const env = ["PATH=/usr/sbin:/usr/bin"];

const labels = {
  "org.opencontainers.image.title": "linkerd",
  "org.opencontainers.image.licenses": "Apache-2.0",
};

/** One image per name of the manifests. They have the same layers and differ in what their entrypoint implies. */
export function linkerdImages(options: {
  /** In place of cr.l5d.io/linkerd. */
  readonly registry: string | undefined;
  readonly version: string;
  readonly layers: ReadonlyMap<Arch, readonly Layer[]>;
}): Image[] {
  const registry = (options.registry ?? defaultRegistry).replace(/\/+$/, "");
  return Object.entries(linkerdEntrypoints).map(([name, words]) => ({
    name: `${registry}/${name}:${options.version}`,
    settings: {
      entrypoint: ["/usr/bin/linkerd", ...words],
      env,
      user: "2102",
      labels: { ...labels, "org.opencontainers.image.version": options.version },
    },
    layers: options.layers,
  }));
}

/**
 * The sample application: its bundled sources on top of the same layers, so that a node stores the runtime once.
 * `BUN_BE_BUN` makes the executable behave as the plain runtime that is in it.
 */
export async function emojivotoImage(shared: ReadonlyMap<Arch, readonly Layer[]>): Promise<Image> {
  const built = await Bun.build({
    entrypoints: [join(repository, "examples/emojivoto/main.ts")],
    target: "bun",
    minify: { whitespace: true, syntax: true },
    throw: false,
  });
  const [bundle] = built.outputs;
  if (!built.success || bundle === undefined) {
    throw new MeshError("internal", `Bundling the sample application failed: ${built.logs.join("; ")}`);
  }
  const app = makeLayer([{ kind: "file", path: "app/emojivoto.js", data: new Uint8Array(await bundle.arrayBuffer()) }]);
  return {
    name: "linkerd.local/emojivoto:v1",
    settings: {
      entrypoint: ["/usr/bin/bun", "--smol", "/app/emojivoto.js"],
      env: [...env, "BUN_BE_BUN=1"],
      user: "65534",
      labels: { "org.opencontainers.image.title": "emojivoto" },
    },
    layers: new Map([...shared].map(([arch, layers]) => [arch, [...layers, app]])),
  };
}
