#!/usr/bin/env bun
/**
 * The `linkerd` executable: picks a program or a command, and turns whatever happens into an exit code. The terminal is
 * loaded only by commands and failures: its streams would take 2 MB of every proxy.
 */
import { isPluginCall, programs, programWords } from "./programs.ts";

const words = process.argv.slice(2);
const [first = "", ...rest] = isPluginCall(words, process.env) ? ["cni", "plugin"] : programWords(words);
const load = Object.hasOwn(programs, first) ? programs[first] : undefined;

// The clock's timers do not keep a process alive, and a runtime that waits with nothing else to do spins.
setInterval(() => {}, 2 ** 30);

let code: number;
try {
  if (load !== undefined) code = await (await load()).main(rest);
  else {
    const { processTerminal } = await import("./globals.ts");
    code = await (await import("./root.ts")).run(process.argv.slice(2), processTerminal());
  }
} catch (error) {
  const [{ processTerminal }, { reportFailure }] = await Promise.all([
    import("./globals.ts"),
    import("./exit-code.ts"),
  ]);
  code = reportFailure(error, processTerminal(), process.argv.includes("--verbose"));
}
process.exit(code);
