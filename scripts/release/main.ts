/**
 * `npm run release [-- OPTIONS]`: writes a release as a folder, to be put on any web server.
 *
 *   --out FOLDER        default dist/release
 *   --url URL           where the folder will be: what the install script in it uses; else it needs LINKERD_RELEASES
 *   --platforms LIST    default all that executables are made for
 *   --no-images         leave out the container images
 *
 *   install                               the script for `curl … | sh`
 *   latest                                the newest version
 *   VERSION/linkerd-VERSION-PLATFORM.gz   the executables
 *   VERSION/linkerd-images-VERSION.tar    the images, all architectures, as an OCI layout
 *   VERSION/emojivoto.yaml                the sample application
 *   VERSION/checksums.txt                 SHA-256 of all these, as sha256sum writes it
 *   charts/                               a Helm repository
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { errorChain, MeshError } from "#lib/errors.ts";
import { version } from "#lib/version.ts";
import { isPlatform, platforms, type Platform } from "../executable-runtime.ts";
import { linkerdExecutable } from "../executable.ts";
import { linkerdImages, sampleImages } from "../image/images.ts";
import { sharedLayers } from "../image/layers.ts";
import { buildTime, imageLayout, layoutArchive, sha256, type Arch, type Layer } from "../image/oci.ts";
import { chartIndex, packChart } from "./chart-archive.ts";

const repository = resolve(import.meta.dir, "../..");
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

function chosenPlatforms(list: string | undefined): Platform[] {
  const names = list?.split(",") ?? Object.keys(platforms);
  return names.map((name) => {
    if (isPlatform(name)) return name;
    throw new MeshError(
      "invalid-argument",
      `--platforms has "${name}"; use some of ${Object.keys(platforms).join(", ")}`,
    );
  });
}

async function imagesArchive(created: string): Promise<Uint8Array> {
  const layers = new Map<Arch, readonly Layer[]>();
  for (const arch of ["amd64", "arm64"] as const) layers.set(arch, (await sharedLayers(arch)).layers);
  const images = [...linkerdImages({ registry: undefined, version, layers }), ...sampleImages({ version, layers })];
  return layoutArchive(imageLayout(images, created));
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      out: { type: "string", default: join(repository, "dist/release") },
      url: { type: "string" },
      platforms: { type: "string" },
      "no-images": { type: "boolean", default: false },
    },
  });
  const { out } = values;
  const created = buildTime(process.env);
  const chosen = chosenPlatforms(values.platforms);
  const folder = join(out, version);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const sums: string[] = [];
  const add = (name: string, bytes: Uint8Array): void => {
    writeFileSync(join(folder, name), bytes);
    sums.push(`${sha256(bytes)}  ${name}\n`);
    console.log(`${join(folder, name)}  ${megabytes(bytes.length)}`);
  };
  for (const platform of chosen) {
    const file = join(repository, "dist/executable", platform, "linkerd");
    await linkerdExecutable(platform, file);
    const content = readFileSync(file) as Uint8Array<ArrayBuffer>;
    add(`linkerd-${version}-${platform}.gz`, Bun.gzipSync(content, { level: 6 }));
  }
  if (!values["no-images"]) add(`linkerd-images-${version}.tar`, await imagesArchive(created));
  add("emojivoto.yaml", readFileSync(join(repository, "examples/emojivoto/emojivoto.yaml")));
  writeFileSync(join(folder, "checksums.txt"), sums.toSorted().join(""));

  const charts = join(out, "charts");
  rmSync(charts, { recursive: true, force: true });
  mkdirSync(charts, { recursive: true });
  const archives = readdirSync(join(repository, "charts"))
    .toSorted()
    .filter((name) => existsSync(join(repository, "charts", name, "Chart.yaml")))
    .map((name) => packChart(join(repository, "charts", name)));
  for (const { file, bytes } of archives) writeFileSync(join(charts, file), bytes);
  writeFileSync(join(charts, "index.yaml"), chartIndex(archives, "", created));
  console.log(`${charts}: ${archives.map(({ file }) => file).join(", ")}`);

  const script = readFileSync(join(repository, "scripts/install.sh"), "utf8");
  const url = values.url?.replace(/\/+$/, "");
  if (url !== undefined && !/^(https?|file):\/\/[\w.:/~%-]+$/.test(url)) {
    throw new MeshError("invalid-argument", `--url is "${url}"; use a plain http, https or file URL`);
  }
  writeFileSync(join(out, "install"), url === undefined ? script : script.replaceAll("@RELEASES@", url));
  chmodSync(join(out, "install"), 0o755);
  writeFileSync(join(out, "latest"), `${version}\n`);
  console.log(`${join(out, "install")}: version ${version} from ${url ?? "$LINKERD_RELEASES"}`);
}

try {
  await main();
} catch (thrown) {
  console.error(`Error: ${errorChain(thrown)}`);
  process.exit(1);
}
