/** Runs one program and gives what it printed; a failure says which program, how it ended and why. */
import { MeshError } from "#lib/errors.ts";

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** ms; default 60 s. The program is killed afterwards, and its output is not waited for any longer. */
  readonly limit?: number;
}

export async function command(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { limit = 60_000 } = options;
  const child = Bun.spawn([...argv], {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...process.env, ...options.env },
    stdin: new Blob([options.input ?? ""]),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = [reading(child.stdout), reading(child.stderr)];
  // Whatever it left behind may keep the output open for ever.
  const limited = Promise.withResolvers<void>();
  const timer = setTimeout(limited.resolve, limit);
  await Promise.race([Promise.all([out.ended, err.ended, child.exited]), limited.promise]);
  clearTimeout(timer);
  const late = child.exitCode === null && child.signalCode === null;
  child.kill("SIGKILL");
  const code = await child.exited;
  const [printed, complained] = [out.stop(), err.stop()];
  if (code !== 0 || late) {
    const said = (complained.trim() || printed.trim()).split("\n").slice(-15).join("\n");
    const end = late ? `did not end within ${limit} ms` : `ended with ${code}`;
    throw new MeshError(late ? "timeout" : "environment", `"${argv.slice(0, 4).join(" ")}" ${end}: ${said}`);
  }
  return printed;
}

function reading(stream: ReadableStream<Uint8Array>): { readonly ended: Promise<void>; stop(): string } {
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  const read = async (): Promise<void> => {
    for (let part = await reader.read(); !part.done; part = await reader.read()) chunks.push(part.value);
  };
  const ended = read();
  return {
    ended,
    stop() {
      // Nobody waits for what comes after.
      reader.cancel().catch(() => {});
      return Buffer.concat(chunks).toString();
    },
  };
}
