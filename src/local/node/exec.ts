/** Running a further command in a container: for `kubectl exec`, exec probes and lifecycle hooks. */
import type { FileSink } from "bun";
import { MeshError } from "#lib/errors.ts";
import type { Mode } from "../launcher/capability.ts";
import type { ExecOptions, ExecSession, ExecSink } from "../api/executor.ts";
import { firstChild, setprivArguments, type Credentials } from "./container-process.ts";
import { withHiddenCommand } from "./hidden-command.ts";

/** Where and as whom a command runs. */
export interface ExecTarget {
  /** First process of the container, in the node's view. */
  readonly pid: number;
  readonly env: ReadonlyMap<string, string>;
  readonly credentials: Credentials;
  readonly mode: Mode;
  readonly workingDirectory: string;
}

/** What the container's shell runs: hidden, because it carries the container's environment. */
function hiddenWords(target: ExecTarget, command: readonly string[]): string[] {
  const variables = [...target.env].map(([name, value]) => `${name}=${value}`);
  return ["setpriv", ...setprivArguments(target.credentials, target.mode), "--", "env", "-i", ...variables, ...command];
}

/** The visible command line; descriptor 3 has the rest. */
function commandLine(target: ExecTarget): string[] {
  return [
    ...["nsenter", "-t", String(target.pid), "-m", "-u", "-i", "-n", "-p", "--"],
    // Entering leaves us at the container's root; its programs expect their working directory.
    ...["sh", "-c", 'cd "$1" 2>/dev/null || cd /; . /proc/self/fd/3', "sh", target.workingDirectory],
  ];
}

/** Kills the command behind `nsenter`, which itself passes no signals on. */
function killCommand(parent: number): void {
  const pid = firstChild(parent);
  try {
    process.kill(pid ?? parent, "SIGKILL");
  } catch {
    // It ended meanwhile.
  }
}

/** How the command ended, with at most 10 KiB of what it wrote. */
export async function runInContainer(
  target: ExecTarget,
  command: readonly string[],
  timeout: number,
): Promise<{ readonly code: number; readonly output: string; readonly timedOut: boolean }> {
  const child = withHiddenCommand(hiddenWords(target, command), 3, (fd) =>
    Bun.spawn(commandLine(target), { stdio: ["ignore", "pipe", "pipe", fd] }),
  );
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    killCommand(child.pid);
  }, timeout);
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), child.exited]);
  clearTimeout(timer);
  return { code, output: out + err, timedOut };
}

async function text(stream: ReadableStream<Uint8Array>): Promise<string> {
  let result = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream) if (result.length < 10_240) result += decoder.decode(chunk, { stream: true });
  return result.slice(0, 10_240);
}

export function execSession(target: ExecTarget, options: ExecOptions, sink: ExecSink): ExecSession {
  if (options.command.length === 0)
    throw new MeshError("invalid-argument", "you must specify at least one command for the container");
  return options.tty ? terminalSession(target, options, sink) : pipeSession(target, options, sink);
}

/** 126 and 127 of `env` mean that the program could not be run. */
function finish(code: number, command: string, sink: ExecSink): void {
  if (code === 127 || code === 126)
    sink.end({ kind: "failed", message: `exec of "${command}" failed: no such program, or it can't be run` });
  else sink.end({ kind: "exited", code });
}

function pipeSession(target: ExecTarget, options: ExecOptions, sink: ExecSink): ExecSession {
  const child = withHiddenCommand(hiddenWords(target, options.command), 3, (fd) =>
    Bun.spawn(commandLine(target), { stdio: [options.stdin ? "pipe" : "ignore", "pipe", "pipe", fd] }),
  );
  const stdin = (child.stdin as FileSink | undefined) ?? null;
  const read = async (stream: ReadableStream<Uint8Array>, take: (chunk: Uint8Array) => void): Promise<void> => {
    for await (const chunk of stream) take(chunk);
  };
  void Promise.all([
    read(child.stdout, (chunk) => sink.stdout(chunk)),
    read(child.stderr, (chunk) => sink.stderr(chunk)),
    child.exited,
  ]).then(([, , code]) => finish(code, options.command[0] ?? "", sink));
  // Writing to a command that has ended fails; its end is told anyway.
  const quietly = (result: number | Promise<number>): void => void Promise.resolve(result).catch(() => 0);
  return {
    stdin: (chunk) => {
      if (stdin === null) return;
      quietly(stdin.write(chunk));
      quietly(stdin.flush());
    },
    closeStdin: () => {
      if (stdin !== null) quietly(stdin.end() as number | Promise<number>);
    },
    resize: () => {},
    cancel: () => killCommand(child.pid),
  };
}

function terminalSession(target: ExecTarget, options: ExecOptions, sink: ExecSink): ExecSession {
  const child = withHiddenCommand(hiddenWords(target, options.command), 3, (fd) =>
    Bun.spawn(commandLine(target), {
      stdio: ["ignore", "ignore", "ignore", fd],
      terminal: { cols: 80, rows: 24, data: (_terminal, chunk) => sink.stdout(chunk) },
    }),
  );
  void child.exited.then((code) => {
    child.terminal?.close();
    finish(code, options.command[0] ?? "", sink);
  });
  return {
    stdin: (chunk) => void child.terminal?.write(chunk),
    // End of transmission, as a terminal says it.
    closeStdin: () => void child.terminal?.write("\u0004"),
    resize: (columns, rows) => child.terminal?.resize(columns, rows),
    cancel: () => killCommand(child.pid),
  };
}
