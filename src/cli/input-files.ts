/** The inputs of `inject` and `uninject`: a file, a folder, an https URL, or "-" for standard input. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { MeshError } from "#lib/errors.ts";
import { fetchError } from "#kube/fetch-error.ts";
import { networkReason } from "./explain.ts";
import type { Terminal } from "./globals.ts";
import { readText } from "./values-layers.ts";

export interface Input {
  /** For messages: a path, a URL or "standard input". */
  readonly source: string;
  readonly text: string;
}

/** Larger documents are refused. */
const maxBytes = 32 * 1024 * 1024;

export async function readInputs(argument: string, terminal: Terminal): Promise<Input[]> {
  if (argument === "-") return [{ source: "standard input", text: await terminal.stdin() }];
  if (argument.startsWith("http://")) {
    throw new MeshError("invalid-argument", `"${argument}" is not encrypted; use an https:// URL`);
  }
  if (argument.startsWith("https://")) return [{ source: argument, text: await download(argument) }];
  let directory: boolean;
  try {
    directory = statSync(argument).isDirectory();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT")
      throw new MeshError("not-found", `There is no file or folder "${argument}"`);
    throw new MeshError("environment", `Could not read "${argument}"`, { cause: error });
  }
  if (!directory) return [{ source: argument, text: readText(argument) }];
  const files = readdirSync(argument, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(ya?ml|json)$/.test(name))
    .toSorted();
  if (files.length === 0)
    throw new MeshError("not-found", `The folder "${argument}" holds no .yaml, .yml or .json file`);
  return files.map((name) => ({ source: join(argument, name), text: readText(join(argument, name)) }));
}

async function download(url: string): Promise<string> {
  let answer: Response;
  try {
    answer = await fetch(url, { signal: AbortSignal.timeout(30_000) });
  } catch (error) {
    throw failure(error, url);
  }
  if (!answer.ok)
    throw new MeshError("unavailable", `Could not download "${url}": the server answered ${answer.status}`);
  if (!answer.url.startsWith("https://")) {
    throw new MeshError("invalid-argument", `"${url}" leads to "${answer.url}", which is not encrypted`);
  }
  return await boundedText(answer, url);
}

/** Stops reading at the limit instead of holding whatever comes. */
async function boundedText(answer: Response, url: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of answer.body ?? []) {
      size += chunk.length;
      if (size > maxBytes) throw new MeshError("resource-exhausted", `"${url}" is larger than ${maxBytes} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    throw error instanceof MeshError ? error : failure(error, url);
  }
  return Buffer.concat(chunks).toString();
}

function failure(error: unknown, url: string): MeshError {
  const { code } = fetchError(error, "download", url);
  return new MeshError(code, `Could not download "${url}": ${networkReason(code)}`, { cause: error });
}
