/** Commands as a user types them. */
import { resolve } from "node:path";

export const repository = resolve(import.meta.dir, "../..");

export interface CommandResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** ms; default 120 s. Killed afterwards. */
  readonly limit?: number;
}

/** Runs a program to its end. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
  const child = Bun.spawn([...argv], {
    cwd: repository,
    stdin: new Blob([options.input ?? ""]),
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, NO_COLOR: "1", ...options.env },
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), options.limit ?? 120_000);
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  clearTimeout(timer);
  return { code, out, err };
}

/** What a command printed; throws all it said when its exit code is not 0. */
export async function ok(command: Promise<CommandResult>): Promise<string> {
  const { code, out, err } = await command;
  if (code !== 0) throw new Error(`exit code ${code}\n${out}\n${err}`);
  return out;
}

/** Tries again until `probe` gives a value that is not null; fails with its last error after `limit` ms. */
export async function eventually<T>(what: string, limit: number, probe: () => Promise<T | null>): Promise<T> {
  const deadline = performance.now() + limit;
  let last: unknown = null;
  for (;;) {
    try {
      const value = await probe();
      if (value !== null) return value;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) throw new Error(`${what} did not happen within ${limit} ms`, { cause: last });
    await Bun.sleep(200);
  }
}
