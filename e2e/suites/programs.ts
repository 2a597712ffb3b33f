/**
 * `sh scripts/bun e2e/suites/programs.ts`: builds the Go programs of the suites into the cache of e2e/kubernetes. Their go.mod and
 * go.sum pin what is built.
 */
import { join } from "node:path";
import { built, type Program } from "../kubernetes/build.ts";

type Name = "h2spec" | "interop-client" | "interop-server" | "suite-app";

const folder = (name: string): string => join(import.meta.dir, "go", name);

const programs: Readonly<Record<Name, Omit<Program, "name" | "ldflags">>> = {
  h2spec: { folder: folder("h2spec"), target: "github.com/summerwind/h2spec/cmd/h2spec" },
  "interop-client": { folder: folder("interop"), target: "google.golang.org/grpc/interop/client" },
  "interop-server": { folder: folder("interop"), target: "google.golang.org/grpc/interop/server" },
  "suite-app": { folder: folder("app"), target: "." },
};

/** The path of a program, which is built first when the cache has it not. */
export async function suiteProgram(name: Name, note: (text: string) => void = () => {}): Promise<string> {
  return await built({ name, ldflags: "", ...programs[name] }, note);
}

if (import.meta.main) {
  for (const name of Object.keys(programs) as Name[]) {
    console.log(await suiteProgram(name, (text) => console.error(text)));
  }
}
