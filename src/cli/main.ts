#!/usr/bin/env bun
/** The `linkerd` executable: picks a program or a command, and turns whatever happens into an exit code. */
import { processTerminal } from "./globals.ts";
import { reportFailure } from "./exit-code.ts";
import { isPluginCall, programs, programWords } from "./programs.ts";

const words = process.argv.slice(2);
const [first = "", ...rest] = isPluginCall(words, process.env) ? ["cni", "plugin"] : programWords(words);
const terminal = processTerminal();
const load = Object.hasOwn(programs, first) ? programs[first] : undefined;

let code: number;
try {
  if (load !== undefined) code = await (await load()).main(rest);
  else code = await (await import("./root.ts")).run(process.argv.slice(2), terminal);
} catch (error) {
  code = reportFailure(error, terminal, process.argv.includes("--verbose"));
}
process.exit(code);
