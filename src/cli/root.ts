/** The command tree of `linkerd`. */
import { Command, CommanderError } from "commander";
import { type CommandEntry, commandTable, findEntry, movedToViz } from "./command-table.ts";
import { ExitSignal, reportFailure } from "./exit-code.ts";
import type { Terminal } from "./globals.ts";
import { fromGoFlags } from "./go-flags.ts";
import { addGlobalOptions, commandIndex, createShell, readGlobals } from "./shell.ts";

const examples = `
Examples:
  linkerd check --pre                                    # is the cluster fit for the mesh?
  linkerd install --crds | kubectl apply -f -
  linkerd install | kubectl apply -f -
  linkerd check                                          # does everything work?
  kubectl get deploy -o yaml | linkerd inject - | kubectl apply -f -
  linkerd viz stat deploy -n emojivoto                   # golden metrics
  linkerd local up                                       # a small cluster on this machine`;

/** Where `help` itself is listed. */
const lastGroup = "Extensions and tools";

/** Widest help, in columns; a wider terminal does not make lines easier to read. */
const maxHelpWidth = 110;

/** Builds the tree with the commands that `wanted` accepts in full; of the others only the name and the one line. */
export async function buildRoot(terminal: Terminal, wanted: (entry: CommandEntry) => boolean): Promise<Command> {
  const root = new Command("linkerd");
  root
    .description("A service mesh: mutual TLS, golden metrics, retries and policy for every pod")
    .addHelpText("after", examples)
    .addHelpCommand(
      new Command("help").argument("[command]").description("Print the help of a command").helpGroup(`${lastGroup}:`),
    )
    .exitOverride();
  addGlobalOptions(root);
  const shell = createShell(terminal);
  for (const entry of commandTable) {
    if (wanted(entry)) (await entry.load()).register(root, shell);
    else root.addCommand(new Command(entry.name), { hidden: entry.group === null });
    const command = root.commands[root.commands.length - 1];
    if (command === undefined) continue;
    command.summary(entry.summary);
    if (command.aliases().length === 0) command.aliases(entry.aliases ?? []);
    if (entry.group !== null) command.helpGroup(`${entry.group}:`);
  }
  settle(root, terminal);
  return root;
}

/** Every command writes and exits as the root does; commander copies that only for commands made by `.command()`. */
function settle(command: Command, terminal: Terminal): void {
  const width = (): number => Math.min(terminal.columns(), maxHelpWidth);
  command
    .configureOutput({
      writeOut: terminal.out,
      writeErr: terminal.err,
      getOutHelpWidth: width,
      getErrHelpWidth: width,
      outputError: (text, write) => write(inOurWords(text, command)),
    })
    .configureHelp({ showGlobalOptions: true })
    .exitOverride();
  for (const child of command.commands) {
    // `linkerd help viz stat` serves all levels.
    child.helpCommand(false);
    settle(child, terminal);
  }
}

/** "error: unknown option '--x'" → "Error: Unknown option '--x'", with the command whose help says more. */
function inOurWords(text: string, command: Command): string {
  const names: string[] = [];
  for (let at: Command | null = command; at !== null; at = at.parent) names.unshift(at.name());
  const said = text.trim().replace(/^error: /, "");
  return `Error: ${said.charAt(0).toUpperCase()}${said.slice(1)}\nSee ${names.join(" ")} --help for the flags and examples\n`;
}

/** Runs one command line (without the executable's name) and gives the exit code. */
export async function run(typed: readonly string[], terminal: Terminal): Promise<number> {
  let argv = [...typed];
  let at = commandIndex(argv);
  let word = argv[at] ?? "";
  if (movedToViz.includes(word)) {
    terminal.err(`"linkerd ${word}" is deprecated; use "linkerd viz ${word}"\n`);
    argv = [...argv.slice(0, at), "viz", ...argv.slice(at)];
    word = "viz";
  }
  // Only a first word may name an extension: flags before it could not be told from its own.
  if (at === 0 && word !== "help" && findEntry(word) === undefined) {
    const { runExtension } = await import("./extension.ts");
    const code = await runExtension(word, argv.slice(1));
    if (code !== null) return code;
  }
  // What `help` and the completion are about is the word behind them.
  if (word === "help" || word === "__complete") at++;
  const asked = [word, argv[at] ?? ""];
  const everything = word === "doc";
  try {
    const root = await buildRoot(
      terminal,
      (entry) => everything || asked.some((name) => name === entry.name || entry.aliases?.includes(name) === true),
    );
    if (word === "__complete") {
      // Half typed words are no command line yet: commander must not read them.
      const { candidates } = await import("./complete.ts");
      const context = { terminal, globals: readGlobals(root, terminal) };
      terminal.out((await candidates(root, argv.slice(at), context)).map((candidate) => `${candidate}\n`).join(""));
      return 0;
    }
    if (word === "") {
      root.outputHelp();
      return 0;
    }
    await root.parseAsync(fromGoFlags(argv, root), { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    if (error instanceof ExitSignal) return error.exitCode;
    return reportFailure(error, terminal, argv.includes("--verbose"));
  }
}
