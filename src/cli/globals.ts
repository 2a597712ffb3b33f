/** The flags that every command takes, and what they mean. */
import { writeAll } from "./output/write-all.ts";

export interface GlobalOptions {
  /** Namespace of the control plane. */
  readonly linkerdNamespace: string;
  /** Namespace of the CNI plugin. */
  readonly cniNamespace: string;
  /** Path of a kubeconfig file; undefined means $KUBECONFIG, then ~/.kube/config. */
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
  /** User to impersonate. */
  readonly as: string | undefined;
  readonly asGroup: readonly string[];
  /** "host:port" of a component to talk to instead of a port-forward. */
  readonly apiAddr: string | undefined;
  readonly verbose: boolean;
}

/** Where a command reads and writes; replaced in tests. */
export interface Terminal {
  /** Data: what a pipe receives. */
  readonly out: (text: string) => void;
  /** Notes, progress and errors. */
  readonly err: (text: string) => void;
  /** True when standard error is a terminal that may be redrawn. */
  readonly interactive: boolean;
  /** Width of the terminal behind standard error; lines that are redrawn must not be longer. */
  readonly columns: () => number;
  /** True when colours are welcome on standard output: a terminal, no NO_COLOR, TERM not "dumb". */
  readonly colour: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: () => Promise<string>;
}

export function processTerminal(): Terminal {
  const { env } = process;
  const dumb = env["TERM"] === "dumb";
  return {
    out: (text) => writeAll(1, text),
    err: (text) => writeAll(2, text),
    interactive: process.stderr.isTTY === true && !dumb,
    // A terminal that does not know its width says 0.
    columns: () => process.stderr.columns || 80,
    colour: process.stdout.isTTY === true && !dumb && (env["NO_COLOR"] ?? "") === "",
    env,
    stdin: () => Bun.stdin.text(),
  };
}

/** What a command's action gets. */
export interface Context {
  readonly terminal: Terminal;
  readonly globals: GlobalOptions;
}
