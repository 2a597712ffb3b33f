/** Runs one program and gives what it printed; a failure says which program, how it ended and why. */
import { MeshError } from "#lib/errors.ts";

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** ms; default 60 s. The program is killed afterwards. */
  readonly limit?: number;
}

export async function command(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  const child = Bun.spawn([...argv], {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...process.env, ...options.env },
    stdin: new Blob([options.input ?? ""]),
    stdout: "pipe",
    stderr: "pipe",
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), options.limit ?? 60_000);
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  clearTimeout(timer);
  if (code !== 0) {
    const said = (err.trim() || out.trim()).split("\n").slice(-15).join("\n");
    throw new MeshError("environment", `"${argv.slice(0, 4).join(" ")}" ended with ${code}: ${said}`);
  }
  return out;
}
