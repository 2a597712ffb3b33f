/**
 * Checks of extensions: executables `linkerd-<name>` on PATH. One runs when a namespace carries its label, or when it says
 * of itself (`_extension-metadata`) that it always wants to.
 */
import { accessSync, constants, readdirSync } from "node:fs";
import { join } from "node:path";
import type { CategoryResult, CheckOutcome } from "./check.ts";
import { hintFor } from "./check.ts";

export interface ExternalCheck {
  readonly name: string;
  readonly path: string;
}

export interface FoundChecks {
  readonly run: readonly ExternalCheck[];
  /** Extensions of the cluster whose executable is nowhere, as "linkerd-<name>". */
  readonly missing: readonly string[];
}

const prefix = "linkerd-";
/** ms that an executable may take to say what it is; the checks themselves have as long as `--wait` says. */
const metadataTimeout = 5000;

/** Executables by name; of two with the same name the one earlier on PATH counts. */
export function extensionsOnPath(path: string): ExternalCheck[] {
  const found = new Map<string, ExternalCheck>();
  for (const folder of path.split(":").filter((part) => part !== "")) {
    let names: string[];
    try {
      names = readdirSync(folder).filter((name) => name.startsWith(prefix) && name.length > prefix.length);
    } catch {
      // PATH may name folders that don't exist or may not be read.
      continue;
    }
    for (const file of names.toSorted()) {
      const name = file.slice(prefix.length);
      if (!found.has(name) && isExecutable(join(folder, file))) found.set(name, { name, path: join(folder, file) });
    }
  }
  return [...found.values()];
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** `installed` are the names on namespaces' labels, without those that are built in. */
export async function selectChecks(
  available: readonly ExternalCheck[],
  installed: readonly string[],
): Promise<FoundChecks> {
  const always = await Promise.all(available.map(wantsAlways));
  const run = available
    .filter((extension, at) => always[at] === true || installed.includes(extension.name))
    .toSorted((a, b) => a.name.localeCompare(b.name));
  const missing = [...new Set(installed)]
    .filter((name) => !run.some((extension) => extension.name === name))
    .map((name) => prefix + name)
    .toSorted();
  return { run, missing };
}

async function wantsAlways({ name, path }: ExternalCheck): Promise<boolean> {
  const { out } = await capture([path, "_extension-metadata"], metadataTimeout);
  try {
    const said = JSON.parse(out) as { readonly name?: string; readonly checks?: string } | null;
    return said?.name?.toLowerCase() === (prefix + name).toLowerCase() && said.checks === "always";
  } catch {
    // Executables that know nothing of this only run where the cluster names them.
    return false;
  }
}

/** Runs one and reads its JSON; what is no JSON becomes a failed check that says so. */
export async function runExternal(
  { name, path }: ExternalCheck,
  flags: readonly string[],
  timeout: number,
): Promise<CategoryResult[]> {
  const argv = [path, "check", ...flags];
  const { out, err } = await capture(argv, timeout);
  try {
    return parseOutput(out);
  } catch {
    const command = argv.join(" ");
    const error =
      err.trim() !== ""
        ? err.trim()
        : `invalid extension check output from "${command}" (JSON object expected):\n${out.trim()}`;
    const check = { description: `Running: ${command}`, outcome: "error" as const, error, hint: hintFor("extensions") };
    return [{ category: prefix + name, checks: [check] }];
  }
}

export function missingResult(executable: string): CategoryResult {
  return {
    category: executable,
    checks: [
      {
        description: `Linkerd extension command ${executable} exists`,
        outcome: "warning",
        error: `exec: "${executable}": executable file not found in $PATH`,
        hint: hintFor("extensions"),
      },
    ],
  };
}

interface JsonOutput {
  readonly categories?: ReadonlyArray<{
    readonly categoryName?: string;
    readonly checks?: ReadonlyArray<{
      readonly description?: string;
      readonly hint?: string;
      readonly error?: string;
      readonly result?: string;
    }> | null;
  }> | null;
}

const outcomes: readonly CheckOutcome[] = ["success", "warning", "error"];

/** Reads what `check -o json` prints. Throws when it is something else. */
export function parseOutput(text: string): CategoryResult[] {
  const parsed = JSON.parse(text) as JsonOutput | null;
  if (typeof parsed !== "object" || parsed === null) throw new SyntaxError("not an object");
  return (parsed.categories ?? []).map(({ categoryName = "", checks }) => ({
    category: categoryName,
    checks: (checks ?? []).map(({ description = "", hint, error, result }) => ({
      description,
      outcome: outcomes.find((outcome) => outcome === result) ?? "error",
      ...(error === undefined ? {} : { error }),
      ...(hint === undefined ? {} : { hint }),
    })),
  }));
}

/** Bytes of one output; more is not read. */
const largestOutput = 4 * 1024 * 1024;

/** What it said until its end or its time was over: processes that it left behind may keep its output open for ever. */
async function capture(argv: readonly string[], timeout: number): Promise<{ out: string; err: string }> {
  const child = Bun.spawn([...argv], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err] = [reading(child.stdout), reading(child.stderr)];
  let timer: Timer | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeout);
  });
  await Promise.race([Promise.all([out.ended, err.ended, child.exited]), late]);
  clearTimeout(timer);
  child.kill("SIGKILL");
  return { out: out.stop(), err: err.stop() };
}

function reading(stream: ReadableStream<Uint8Array>): { readonly ended: Promise<void>; stop(): string } {
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  const read = async (): Promise<void> => {
    while (size <= largestOutput) {
      const { value, done } = await reader.read();
      if (done) return;
      chunks.push(value);
      size += value.length;
    }
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
