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

/** A Go program that tests need. */
export interface Program {
  /** Of the file in the cache; no other program's name begins with it and "-". */
  readonly name: string;
  /** Where its go.mod is. */
  readonly folder: string;
  /** What `go build` gets: a package of that module or of one that it requires. */
  readonly target: string;
  readonly ldflags: string;
}

type Name = "kube" | "coredns" | "helm3" | "helm4";

const inGo = (name: Name): { readonly name: Name; readonly folder: string } => ({
  name,
  folder: join(sources, "go", name),
});

const programs: readonly Program[] = [
  {
    ...inGo("kube"),
    target: ".",
    // Without these the server calls itself v0.0.0 and clients refuse features.
    ldflags: `-X ${versionPackage}.gitVersion=v${kubernetesVersion} -X ${versionPackage}.gitMajor=1 -X ${versionPackage}.gitMinor=34`,
  },
  { ...inGo("coredns"), target: ".", ldflags: "" },
  { ...inGo("helm3"), target: "helm.sh/helm/v3/cmd/helm", ldflags: "" },
  { ...inGo("helm4"), target: "helm.sh/helm/v4/cmd/helm", ldflags: "" },
];

// No debug information: a fifth less to compile and half of the cache. No cgo: static programs and no C compiler.
const flags = ["-trimpath", "-mod=readonly", "-gcflags=all=-dwarf=false"];

/** The path of one of the cluster's programs, built. */
export async function builtProgram(name: Name, note: (text: string) => void = () => {}): Promise<string> {
  return await built(
    programs.find((candidate) => candidate.name === name)!,
    note,
  );
}

/** The path of a built program. Builds it first when the cache has none for these sources; minutes, with both cores. */
export async function built(program: Program, note: (text: string) => void = () => {}): Promise<string> {
  const { name, folder } = program;
  const go = Bun.which("go") ?? "/usr/local/go/bin/go";
  if (!existsSync(go)) throw new MeshError("environment", `Building "${name}" needs Go 1.26 or later on PATH`);
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
