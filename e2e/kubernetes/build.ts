/**
 * Builds the cluster's programs from their Go modules into the cache, once per state of their sources and of the
 * toolchain. go.mod and go.sum pin every module and its checksum.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { MeshError } from "#lib/errors.ts";
import { command } from "./command.ts";
import { cacheFolder, kubernetesVersion, sources } from "./settings.ts";

const versionPackage = "k8s.io/component-base/version";

interface Program {
  readonly name: "kube" | "coredns" | "helm3" | "helm4";
  /** What `go build` gets: a package of the module in go/NAME. */
  readonly target: string;
  readonly ldflags: string;
}

const programs: readonly Program[] = [
  {
    name: "kube",
    target: ".",
    // Without these the server calls itself v0.0.0 and clients refuse features.
    ldflags: `-X ${versionPackage}.gitVersion=v${kubernetesVersion} -X ${versionPackage}.gitMajor=1 -X ${versionPackage}.gitMinor=34`,
  },
  { name: "coredns", target: ".", ldflags: "" },
  { name: "helm3", target: "helm.sh/helm/v3/cmd/helm", ldflags: "" },
  { name: "helm4", target: "helm.sh/helm/v4/cmd/helm", ldflags: "" },
];

// No debug information: a fifth less to compile and half of the cache. No cgo: static programs and no C compiler.
const flags = ["-trimpath", "-mod=readonly", "-gcflags=all=-dwarf=false"];

/** The path of a built program. Builds it first when the cache has none for these sources; minutes, with both cores. */
export async function builtProgram(name: Program["name"], note: (text: string) => void = () => {}): Promise<string> {
  const program = programs.find((candidate) => candidate.name === name)!;
  const folder = join(sources, "go", name);
  const go = Bun.which("go") ?? "/usr/local/go/bin/go";
  if (!existsSync(go)) throw new MeshError("environment", "Building Kubernetes needs Go 1.25 or later on PATH");
  const digest = createHash("sha256")
    .update((await command([go, "version"])).trim())
    .update(flags.join(" "));
  for (const file of readdirSync(folder).toSorted()) digest.update(file).update(readFileSync(join(folder, file)));
  const bin = join(cacheFolder, "bin");
  const path = join(bin, `${name}-${digest.digest("hex").slice(0, 16)}`);
  if (existsSync(path)) {
    utimesSync(path, new Date(), new Date());
    return path;
  }
  mkdirSync(bin, { recursive: true });
  const start = performance.now();
  note(`building ${name} from its modules`);
  const partial = `${path}.partial-${process.pid}`;
  const ldflags = ["-s -w", program.ldflags].join(" ").trim();
  await command(["nice", "-n", "10", go, "build", ...flags, `-ldflags=${ldflags}`, "-o", partial, program.target], {
    cwd: folder,
    env: { CGO_ENABLED: "0" },
    limit: 30 * 60_000,
  });
  renameSync(partial, path);
  for (const old of readdirSync(bin)) {
    if (old.startsWith(`${name}-`) && join(bin, old) !== path) rmSync(join(bin, old));
  }
  note(`built ${name} in ${((performance.now() - start) / 1000).toFixed(0)} s`);
  return path;
}
