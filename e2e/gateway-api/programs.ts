/**
 * `sh scripts/bun e2e/gateway-api/programs.ts`: builds the conformance suite and its echo programs into the cache of
 * e2e/kubernetes. Their go.mod and go.sum pin what is built.
 */
import { join } from "node:path";
import { built, type Program } from "../kubernetes/build.ts";
import { command } from "../kubernetes/command.ts";

type Name = "gateway-api-suite" | "gateway-api-client" | "gateway-api-server";

const folder = (name: string): string => join(import.meta.dir, "go", name);
const echo = "istio.io/istio/pkg/test/echo/cmd";

const programs: Readonly<Record<Name, Omit<Program, "name" | "ldflags">>> = {
  "gateway-api-suite": { folder: folder("suite"), target: "." },
  "gateway-api-client": { folder: folder("echo"), target: `${echo}/client` },
  "gateway-api-server": { folder: folder("echo"), target: `${echo}/server` },
};

/** The path of a program, which is built first when the cache has it not. */
export async function conformanceProgram(name: Name, note: (text: string) => void = () => {}): Promise<string> {
  return await built({ name, ldflags: "", ...programs[name] }, note);
}

/** The folder with the resource types of the version that the suite is for, in the channel with everything. */
export async function gatewayApiCrds(): Promise<string> {
  const module = "sigs.k8s.io/gateway-api";
  const go = Bun.which("go") ?? "/usr/local/go/bin/go";
  const told = await command([go, "mod", "download", "-json", module], { cwd: folder("suite") });
  const { Dir } = JSON.parse(told) as { readonly Dir: string };
  return join(Dir, "config/crd/experimental");
}

if (import.meta.main) {
  for (const name of Object.keys(programs) as Name[]) {
    console.log(await conformanceProgram(name, (text) => console.error(text)));
  }
}
