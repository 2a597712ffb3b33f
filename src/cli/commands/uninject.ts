/** `linkerd uninject`: takes the proxy and its annotations out of manifests. */
import { reportLines, uninjectYaml } from "#manifests/inject/inject-yaml.ts";
import { readInputs } from "../input-files.ts";
import type { Register } from "../shell.ts";

export const register: Register = (parent, shell) => {
  parent
    .command("uninject")
    .description("Take the proxy out of manifests: a file, a folder, an https URL or - for standard input")
    .argument("<input>", "file, folder, URL or -")
    .addHelpText("after", "\nExamples:\n  kubectl get deploy -n app -o yaml | linkerd uninject - | kubectl apply -f -")
    .action(
      shell.action(async (context, args) => {
        const outputs: string[] = [];
        const notes: string[] = [];
        for (const { source, text } of await readInputs(args[0] ?? "-", context.terminal)) {
          const result = uninjectYaml(text, source);
          outputs.push(result.yaml);
          notes.push(...result.warnings.map((warning) => `‼ ${warning}`), ...reportLines(result.report));
        }
        context.terminal.out(outputs.join("---\n"));
        context.terminal.err(`\n${notes.join("\n")}\n\n`);
      }),
    );
};
