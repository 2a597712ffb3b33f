/** `linkerd completion bash|zsh|fish`: scripts that ask the executable itself by the hidden command `__complete`. */
import { oneOf, type Register } from "../shell.ts";

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
};
