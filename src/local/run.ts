/** Starting system tools. */
import { MeshError } from "#lib/errors.ts";

/** Runs a command to its end; `input` goes to its standard input. Throws "environment" with its complaint when it fails. */
export async function run(argv: readonly string[], input?: string): Promise<string> {
  let child;
  try {
    child = Bun.spawn([...argv], {
      stdin: input === undefined ? "ignore" : Buffer.from(input),
      stdout: "pipe",
      stderr: "pipe",
    });
  } catch (cause) {
    throw new MeshError("environment", `Starting "${argv[0]}" failed`, { cause });
  }
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code !== 0) {
    throw new MeshError(
      "environment",
      `Running "${argv.slice(0, 6).join(" ")}" ended with ${code}: ${(err.trim() || out.trim()).slice(0, 2000)}`,
    );
  }
  return out;
}
