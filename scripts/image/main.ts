/**
 * `npm run image [-- OPTIONS]`: writes the container images, from scratch, with no daemon and no registry.
 *
 *   --out FOLDER    default dist/image
 *   --arch LIST     default amd64,arm64
 *   --only LIST     linkerd, emojivoto; default both
 *   --no-layout     only the archives: for a cluster on this machine, quicker
 *
 * FOLDER gets `oci/` (an OCI image layout of all images), and per architecture `linkerd-ARCH.tar` and
 * `emojivoto-ARCH.tar` for `ctr images import`, `kind load image-archive` and `docker load`.
 */
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { errorChain, MeshError } from "#lib/errors.ts";
import { version } from "#lib/version.ts";
import { hostPlatform } from "../executable.ts";
import { linkerdImages, sampleImages } from "./images.ts";
import { sharedLayers } from "./layers.ts";
import { buildTime, dockerArchive, imageLayout, writeLayout, type Arch, type Image, type Layer } from "./oci.ts";
import { startTimes } from "./start-time.ts";

const repository = resolve(import.meta.dir, "../..");
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

function parseList<T extends string>(text: string, allowed: readonly T[], flag: string): T[] {
  return text.split(",").map((word) => {
    const known = allowed.find((entry) => entry === word);
    if (known === undefined) {
      throw new MeshError("invalid-argument", `${flag} has "${word}"; use ${allowed.join(", ")}`);
    }
    return known;
  });
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      out: { type: "string", default: join(repository, "dist/image") },
      arch: { type: "string", default: "amd64,arm64" },
      only: { type: "string", default: "linkerd,emojivoto" },
      "no-layout": { type: "boolean", default: false },
    },
  });
  const archs = parseList(values.arch, ["amd64", "arm64"], "--arch").toSorted();
  const groups = parseList(values.only, ["linkerd", "emojivoto"], "--only");
  const created = buildTime(process.env);
  const registry = process.env["LINKERD_DOCKER_REGISTRY"];
  const layers = new Map<Arch, readonly Layer[]>();
  for (const arch of archs) {
    const began = performance.now();
    const made = await sharedLayers(arch);
    layers.set(arch, made.layers);
    const stored = made.layers.reduce((sum, { compressed }) => sum + compressed.length, 0);
    const unpacked = made.layers.reduce((sum, { archive }) => sum + archive.length, 0);
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    console.log(`${arch}: ${megabytes(unpacked)} unpacked, ${megabytes(stored)} compressed (${seconds} s)`);
    console.log(`  executable: ${megabytes(statSync(made.executable).size)}; libraries: ${made.origin}`);
    if (hostPlatform() !== `linux-${arch}`) continue;
    const { command, proxy } = await startTimes(made.executable);
    console.log(`  "linkerd version" takes ${command.toFixed(0)} ms, the proxy answers after ${proxy.toFixed(0)} ms`);
  }
  const images: Record<(typeof groups)[number], Image[]> = {
    linkerd: linkerdImages({ registry, version, layers }),
    emojivoto: sampleImages({ version, layers }),
  };
  mkdirSync(values.out, { recursive: true });
  for (const group of groups) {
    for (const arch of archs) {
      const path = join(values.out, `${group}-${arch}.tar`);
      writeFileSync(path, dockerArchive(images[group], arch, created));
      console.log(`${path}: ${images[group].map(({ name }) => name).join(", ")}`);
    }
  }
  if (values["no-layout"]) return;
  const layout = join(values.out, "oci");
  writeLayout(
    layout,
    imageLayout(
      groups.flatMap((group) => images[group]),
      created,
    ),
  );
  console.log(`${layout}: OCI image layout`);
}

try {
  await main();
} catch (thrown) {
  console.error(`Error: ${errorChain(thrown)}`);
  process.exit(1);
}
