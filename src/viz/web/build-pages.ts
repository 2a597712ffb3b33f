/**
 * Compiles the pages in dashboard/ to one script and one style sheet. Runs as a macro of pages.ts: when the executable is
 * compiled its result becomes part of it, and run from sources it is made anew at each start of the program (80 ms).
 */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";

export interface PageFiles {
  readonly html: string;
  readonly script: string;
  readonly style: string;
  readonly icon: string;
}

const folder = resolve(import.meta.dir, "../../../dashboard");

/** Compiled by a process of its own, so that the program keeps none of the compiler's memory; nothing is written. */
function compile(file: string): string {
  const child = Bun.spawnSync(
    [
      process.execPath,
      "build",
      "--minify",
      "--target=browser",
      '--define=process.env.NODE_ENV="production"',
      join(folder, file),
    ],
    { cwd: folder, stdin: "ignore", stdout: "pipe", stderr: "pipe" },
  );
  if (!child.success) throw new Error(`Compiling "${file}" of the dashboard failed: ${child.stderr.toString()}`);
  return child.stdout.toString();
}

export function buildPages(): PageFiles {
  return {
    html: readFileSync(join(folder, "index.html"), "utf8"),
    script: compile("main.tsx"),
    style: compile("style.css"),
    icon: readFileSync(join(folder, "icon.svg"), "utf8"),
  };
}
