/** The images that there are: names and entrypoints over the same layers. */
import { defaultRegistry } from "#manifests/values.ts";
import { linkerdEntrypoints, sampleEntrypoints } from "#local/node/images.ts";
import type { Arch, Image, Layer } from "./oci.ts";

/** `linkerd` by its name, for `kubectl exec` and probes. */
const env = ["PATH=/usr/bin"];

const labels = {
  "org.opencontainers.image.title": "linkerd",
  "org.opencontainers.image.licenses": "Apache-2.0",
};

interface ImageSet {
  readonly version: string;
  readonly layers: ReadonlyMap<Arch, readonly Layer[]>;
}

/** One image per name of the manifests. They have the same layers and differ in what their entrypoint implies. */
export function linkerdImages(
  options: ImageSet & { /** In place of cr.l5d.io/linkerd. */ readonly registry: string | undefined },
): Image[] {
  const registry = (options.registry ?? defaultRegistry).replace(/\/+$/, "");
  return Object.entries(linkerdEntrypoints).map(([name, words]) =>
    image(`${registry}/${name}:${options.version}`, words, "2102", options),
  );
}

/** The sample application: the same layers again, so that a node stores them once. */
export function sampleImages(options: ImageSet): Image[] {
  return Object.entries(sampleEntrypoints).map(([name, words]) => image(`${name}:v1`, words, "65534", options));
}

function image(name: string, words: readonly string[], user: string, { version, layers }: ImageSet): Image {
  return {
    name,
    settings: {
      entrypoint: ["/usr/bin/linkerd", ...words],
      env,
      user,
      labels: { ...labels, "org.opencontainers.image.version": version },
    },
    layers,
  };
}
