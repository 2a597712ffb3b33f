/** What a result was measured on. */
import { cpus, release } from "node:os";
import { version } from "#lib/version.ts";

/** A Markdown line. */
export function machine(): string {
  const first = (argv: string[]): string => {
    const { stdout, stderr } = Bun.spawnSync(argv, { stdout: "pipe", stderr: "pipe" });
    return /\d+\.\d+\.\d+/.exec(stdout.toString() + stderr.toString())?.[0] ?? "unknown";
  };
  const cores = cpus();
  return [
    `${cores.length} cores (${cores[0]?.model.trim() ?? "unknown"})`,
    `Linux ${release()}`,
    `linkerd ${version} on Bun ${Bun.version}`,
    `HAProxy ${first(["haproxy", "-v"])}`,
    `nginx ${first(["nginx", "-v"])}.\n`,
  ].join(", ");
}
