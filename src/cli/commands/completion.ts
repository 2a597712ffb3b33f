/** `linkerd completion bash|zsh|fish`: scripts that ask the executable itself by the hidden command `__complete`. */
import type { Command } from "commander";
import { MeshError } from "#lib/errors.ts";
import { resources } from "#kube/resource.ts";
import { cluster, oneOf, type Register, type Shell } from "../shell.ts";
import { resourceKinds } from "#viz/client/resource-kinds.ts";
import type { Context } from "../globals.ts";

const bash = `# bash completion for linkerd
_linkerd() {
  local cur="\${COMP_WORDS[COMP_CWORD]}"
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$(linkerd __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "$cur"))
}
complete -o default -F _linkerd linkerd
`;

const zsh = `#compdef linkerd
_linkerd() {
  local -a candidates
  candidates=("\${(@f)$(linkerd __complete "\${words[@]:1:$((CURRENT-1))}" 2>/dev/null)}")
  compadd -a candidates
}
compdef _linkerd linkerd
`;

const fish = `# fish completion for linkerd
function __linkerd_complete
  set -l words (commandline -opc) (commandline -ct)
  linkerd __complete $words[2..-1] 2>/dev/null
end
complete -c linkerd -f -a '(__linkerd_complete)'
`;

const scripts = { bash, zsh, fish } as const;

export const register: Register = (parent, shell) => {
  parent
    .command("completion")
    .description("Print a shell completion script")
    .argument("<shell>", "bash, zsh or fish")
    .addHelpText(
      "after",
      `
Examples:
  source <(linkerd completion bash)                                     # this shell
  linkerd completion zsh > "\${fpath[1]}/_linkerd"                       # every zsh
  linkerd completion fish > ~/.config/fish/completions/linkerd.fish`,
    )
    .action(
      shell.action(async (context, args) => {
        context.terminal.out(scripts[oneOf("<shell>", args[0] ?? "", ["bash", "zsh", "fish"])]);
      }),
    );
  registerHidden(parent, shell);
};

function registerHidden(parent: Command, shell: Shell): void {
  parent
    .command("__complete", { hidden: true })
    .argument("[words...]")
    .allowUnknownOption()
    .helpOption(false)
    .action(
      shell.action(async (context, args) => {
        for (const candidate of await candidates(parent, args, context)) context.terminal.out(`${candidate}\n`);
      }),
    );
}

/** What may stand where the last of `words` (maybe empty, maybe half typed) stands. */
export async function candidates(root: Command, words: readonly string[], context: Context): Promise<string[]> {
  const typed = words[words.length - 1] ?? "";
  const before = words.slice(0, -1);
  let command = root;
  for (const word of before) {
    const next = command.commands.find((child) => child.name() === word || child.aliases().includes(word));
    if (next !== undefined) command = next;
  }
  const previous = before[before.length - 1] ?? "";
  let found: string[];
  if (["-n", "--namespace", "--to-namespace", "--from-namespace", "-L", "--linkerd-namespace"].includes(previous)) {
    found = await namespaces(context);
  } else if (["-o", "--output"].includes(previous)) {
    found = ["table", "wide", "json", "yaml", "short"];
  } else if (typed.startsWith("-")) {
    const own = [command, ...ancestors(command)].flatMap((each) => each.options);
    found = own.filter((option) => !option.hidden).map((option) => option.long ?? option.short ?? "");
  } else if (command.commands.length > 0) {
    found = command.commands.map((child) => child.name()).filter((name) => !name.startsWith("_"));
  } else {
    found = command.registeredArguments.some((argument) => argument.name() === "resource") ? [...resourceKinds] : [];
  }
  return found.filter((candidate) => candidate.startsWith(typed)).toSorted();
}

function ancestors(command: Command): Command[] {
  const parents: Command[] = [];
  for (let current = command.parent; current !== null; current = current.parent) parents.push(current);
  return parents;
}

/** Names of namespaces; none when the cluster can't be asked, since a completion must not print errors. */
async function namespaces(context: Context): Promise<string[]> {
  try {
    const { items } = await cluster(context).list(resources.namespaces);
    return items.map((item) => item.metadata.name);
  } catch (error) {
    if (error instanceof MeshError) return [];
    throw error;
  }
}
