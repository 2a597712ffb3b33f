/** `linkerd uninject`: takes the proxy and its annotations out of manifests. */
import { uninjectYaml } from "#manifests/inject/inject-yaml.ts";
import { injectReport } from "../inject-report.ts";
import { readInputs } from "../input-files.ts";
import { manifestStream } from "../output/edited-yaml.ts";
import type { Register } from "../shell.ts";

export const register: Register = (parent, shell) => {
  parent
    .command("uninject")
    .description("Take the proxy out of manifests: a file, a folder, an https URL or - for standard input")
    .argument("<input>", "file, folder, URL or -")
    .option("-o, --output <format>", "yaml or json", "yaml")
    .addHelpText(
      "after",
      `
Examples:
  kubectl get deploy -n app -o yaml | linkerd uninject - | kubectl apply -f -
  linkerd uninject injected.yaml > app.yaml`,
    )
    .action(
      shell.action<{ output: string }>(async (context, args, options) => {
        const texts: string[] = [];
        const reports: string[] = [];
        for (const { source, text } of await readInputs(args[0] ?? "-", context.terminal)) {
          const result = uninjectYaml(text, source);
          texts.push(result.yaml);
          reports.push(injectReport(result, false));
        }
        context.terminal.out(manifestStream(texts, options.output));
        context.terminal.err(reports.join(""));
      }),
    );
};
