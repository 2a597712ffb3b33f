/** The real helm for tests: built once by `sh charts/tools` into LINKERD_TOOLS (default ~/.cache/linkerd-tools). */
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { JsonObject } from "../json.ts";
import { parseYaml } from "../yaml.ts";

export const toolsFolder = process.env["LINKERD_TOOLS"] ?? join(homedir(), ".cache/linkerd-tools");

export const toolPath = (name: string): string => join(toolsFolder, name);

export const hasTool = (name: string): boolean => existsSync(toolPath(name));

/** Helm's major versions that charts are tried with, as the tools are called. */
export const helms = ["helm3", "helm4"] as const;

export interface HelmRun {
  readonly helm: string;
  readonly chart: string;
  readonly namespace: string;
  readonly valueFiles: readonly string[];
}

/** The objects that `helm template` prints, or its error text. */
export async function helmTemplate({ helm, chart, namespace, valueFiles }: HelmRun): Promise<JsonObject[] | string> {
  const files = valueFiles.flatMap((file) => ["--values", file]);
  // A helm that is built from its module believes that clusters are of Kubernetes 1.20.
  const words = ["template", "test", chart, "--namespace", namespace, "--kube-version", "1.31.0", ...files];
  const child = Bun.spawn([toolPath(helm), ...words], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, problem] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return (await child.exited) === 0 ? parseYaml(out, "helm's output") : problem;
}
