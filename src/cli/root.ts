/** The command tree of `linkerd`. */
import { Command, CommanderError } from "commander";
import { register as check } from "./commands/check.ts";
import { register as completion } from "./commands/completion.ts";
import { register as diagnostics } from "./commands/diagnostics.ts";
import { register as identity } from "./commands/identity.ts";
import { register as inject } from "./commands/inject.ts";
import { register as install } from "./commands/install.ts";
import { register as local } from "./commands/local.ts";
import { register as uninject } from "./commands/uninject.ts";
import { register as uninstall } from "./commands/uninstall.ts";
import { register as version } from "./commands/version.ts";
import { register as viz } from "./commands/viz.ts";
import { ExitSignal, reportFailure } from "./exit-code.ts";
import { runExtension } from "./extension.ts";
import type { Terminal } from "./globals.ts";
import { addGlobalOptions, createShell } from "./shell.ts";

/** Builds the tree; `run` of an action may throw, `run()` below turns that into an exit code. */
export function buildRoot(terminal: Terminal): Command {
  const root = new Command("linkerd");
  root
    .description("A service mesh: mutual TLS, golden metrics, retries and policy for every pod")
    .addHelpText(
      "after",
      `
Examples:
  linkerd check --pre                                    # is the cluster fit for the mesh?
  linkerd install --crds | kubectl apply -f -
  linkerd install | kubectl apply -f -
  linkerd check                                          # does everything work?
  kubectl get deploy -o yaml | linkerd inject - | kubectl apply -f -
  linkerd viz stat deploy -n emojivoto                   # golden metrics
  linkerd local up                                       # a small cluster on this machine`,
    )
    .showHelpAfterError("(use --help for the flags and examples)")
    .configureOutput({ writeOut: terminal.out, writeErr: terminal.err })
    .exitOverride();
  addGlobalOptions(root);
  const shell = createShell(terminal);
  for (const register of [
    check,
    completion,
    diagnostics,
    identity,
    inject,
    install,
    local,
    uninject,
    uninstall,
    version,
    viz,
  ]) {
    register(root, shell);
  }
  inherit(root, terminal);
  return root;
}

/** Sub-commands write and exit as the root does; commander copies that only for commands made by `.command()`. */
function inherit(command: Command, terminal: Terminal): void {
  for (const child of command.commands) {
    child.configureOutput({ writeOut: terminal.out, writeErr: terminal.err }).exitOverride();
    inherit(child, terminal);
  }
}

/** Runs one command line (without the executable's name) and gives the exit code. */
export async function run(argv: readonly string[], terminal: Terminal): Promise<number> {
  const root = buildRoot(terminal);
  const [first = ""] = argv;
  if (
    first !== "" &&
    !first.startsWith("-") &&
    !root.commands.some((known) => known.name() === first || known.aliases().includes(first))
  ) {
    const code = first === "help" ? null : await runExtension(first, argv.slice(1));
    if (code !== null) return code;
  }
  try {
    await root.parseAsync([...argv], { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    if (error instanceof ExitSignal) return error.exitCode;
    return reportFailure(error, terminal, argv.includes("--verbose"));
  }
}
