/** What `inject` and `uninject` say on standard error about one input. */
import { type EditedYaml, type InjectReport, reportLines } from "#manifests/inject/inject-yaml.ts";

/** What --verbose says when there is no warning of a sort. */
const fine: ReadonlyArray<readonly [sentence: string, wrong: (report: InjectReport) => boolean]> = [
  ["pods do not use host networking", ({ reasons }) => reasons.includes("host_network_enabled")],
  [
    "pods do not have a 3rd party proxy or initContainer already injected",
    ({ reasons }) => reasons.includes("sidecar_already_exists"),
  ],
  [
    "pods are not annotated to disable injection",
    ({ reasons }) => reasons.includes("injection_disable_annotation_present"),
  ],
  ["pod specs do not include UDP ports", ({ udp }) => udp],
  [
    'pods do not have automountServiceAccountToken set to "false" or service account token projection is enabled',
    ({ reasons }) => reasons.includes("disabled_automount_service_account_token_account"),
  ],
];

/** Warnings, then a line for each object; blank lines keep it apart from the output of a pipe's other end. */
export function injectReport(result: EditedYaml, verbose: boolean): string {
  const notes = result.warnings.map((warning) => `‼ ${warning}`);
  if (verbose) {
    for (const [sentence, wrong] of fine) if (!result.report.some(wrong)) notes.push(`√ ${sentence}`);
    if (!result.warnings.includes("no supported objects found")) {
      notes.push("√ at least one resource can be injected or annotated");
    }
  }
  const blocks = [notes, reportLines(result.report)].filter((lines) => lines.length > 0);
  return `\n${blocks.map((lines) => `${lines.join("\n")}\n\n`).join("")}`;
}
