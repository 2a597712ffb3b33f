/** Writes to a file descriptor to the end, before the next line of code runs: nothing is lost when the process exits. */
import { writeSync } from "node:fs";
import { MeshError } from "#lib/errors.ts";

/** ms between two tries at a full pipe. */
const pause = 5;

/** Ends the process quietly when the reader went away (`linkerd … | head`), as other Unix programs do. */
export function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text, "utf8");
  for (let offset = 0; offset < bytes.length;) {
    try {
      offset += writeSync(fd, bytes, offset);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === "EPIPE") process.exit(141);
      if (code !== "EAGAIN")
        throw new MeshError("environment", `Could not write the output (${code ?? "unknown error"})`, { cause: error });
      Bun.sleepSync(pause);
    }
  }
}
