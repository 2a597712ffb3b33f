/** What command files share: reading the global flags, running an action. */
import type { Command } from "commander";
import { MeshError } from "#lib/errors.ts";
import type { Context, GlobalOptions, Terminal } from "./globals.ts";
import { patient } from "./output/patience.ts";

/** A command's file exports one of these; `shell.action` wraps what it does. */
export type Register = (parent: Command, shell: Shell) => void;

/** Global flags whose value is the next word. */
const flagsWithValue = new Set([
  "-L",
  "--linkerd-namespace",
  "--cni-namespace",
  "--kubeconfig",
  "--context",
  "--as",
  "--as-group",
  "--api-addr",
]);

/** Where the command's name is on a command line that may begin with global flags; -1 when there is none. */
export function commandIndex(argv: readonly string[]): number {
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? "";
    if (flagsWithValue.has(word)) at++;
    else if (!word.startsWith("-")) return at;
  }
  return -1;
}

export interface Shell {
  readonly terminal: Terminal;
  /**
   * Adapts an action to commander: positional arguments as an array, options as an object.
   * `endless`: it goes on until it is interrupted, so nobody is told that it still works.
   */
  action<Options extends object>(
    run: (context: Context, args: string[], options: Options) => Promise<void>,
    how?: { readonly endless: boolean },
  ): (...all: unknown[]) => Promise<void>;
}

interface RawGlobals {
  readonly linkerdNamespace?: string;
  readonly cniNamespace?: string;
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly as?: string;
  readonly asGroup?: string[];
  readonly apiAddr?: string;
  readonly verbose?: boolean;
}

export function addGlobalOptions(root: Command): void {
  root
    .option("-L, --linkerd-namespace <namespace>", "namespace of the control plane (also $LINKERD_NAMESPACE)")
    .option("--cni-namespace <namespace>", "namespace of the CNI plugin", "linkerd-cni")
    .option("--kubeconfig <path>", "kubeconfig file to use instead of $KUBECONFIG or ~/.kube/config")
    .option("--context <name>", "kubeconfig context to use")
    .option("--as <user>", "user to impersonate")
    .option("--as-group <group>", "group to impersonate, repeatable", (value: string, all: string[] = []) => [
      ...all,
      value,
    ])
    .option("--api-addr <host:port>", "address of the component to ask instead of a port-forward")
    .option("--verbose", "print debugging details");
}

export function readGlobals(command: Command, terminal: Terminal): GlobalOptions {
  const raw: RawGlobals = command.optsWithGlobals();
  return {
    linkerdNamespace: raw.linkerdNamespace ?? terminal.env["LINKERD_NAMESPACE"] ?? "linkerd",
    cniNamespace: raw.cniNamespace ?? "linkerd-cni",
    kubeconfig: raw.kubeconfig,
    context: raw.context,
    as: raw.as,
    asGroup: raw.asGroup ?? [],
    apiAddr: raw.apiAddr,
    verbose: raw.verbose ?? false,
  };
}

export function createShell(terminal: Terminal): Shell {
  return {
    terminal,
    action(run, how) {
      return async (...all) => {
        const command = all[all.length - 1] as Command;
        const waiting =
          how?.endless === true ? { terminal, stop: () => {} } : patient(terminal, `linkerd ${command.name()}`);
        try {
          const context: Context = { terminal: waiting.terminal, globals: readGlobals(command, terminal) };
          await run(context, command.args, command.opts());
        } finally {
          waiting.stop();
        }
      };
    },
  };
}

/** One of the allowed values, or an error that lists them. */
export function oneOf<const Value extends string>(flag: string, value: string, allowed: readonly Value[]): Value {
  const found = allowed.find((candidate) => candidate === value);
  if (found !== undefined) return found;
  throw new MeshError("invalid-argument", `Flag ${flag} has the value "${value}"; use ${allowed.join(" or ")}`);
}
