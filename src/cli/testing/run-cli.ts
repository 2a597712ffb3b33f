/** Runs a command line in this process with a terminal in memory, against a fake API server or none. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FakeApi } from "#kube/testing/fake-api.ts";
import type { Terminal } from "../globals.ts";
import { run } from "../root.ts";

export interface CliResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface CliOptions {
  readonly stdin?: string;
  /** The cluster that the kubeconfig names; without one there is no kubeconfig. */
  readonly api?: FakeApi;
  readonly env?: Readonly<Record<string, string>>;
}

/** A terminal in memory, a hundred columns wide. */
export function memoryTerminal(env: Readonly<Record<string, string>> = {}, stdin = "") {
  const written = { out: "", err: "" };
  const terminal: Terminal = {
    out: (text) => (written.out += text),
    err: (text) => (written.err += text),
    interactive: false,
    columns: () => 100,
    colour: false,
    env,
    stdin: async () => stdin,
  };
  return { terminal, written };
}

export async function runCli(argv: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const folder = mkdtempSync(join(tmpdir(), "linkerd-cli-"));
  const kubeconfig = join(folder, "kubeconfig");
  if (options.api !== undefined) writeFileSync(kubeconfig, JSON.stringify(kubeconfigFor(options.api.url)));
  const env = { HOME: folder, PATH: "", KUBECONFIG: kubeconfig, ...options.env };
  const { terminal, written } = memoryTerminal(env, options.stdin);
  try {
    const code = await run(argv, terminal);
    return { code, out: written.out.replaceAll(folder, "HOME"), err: written.err.replaceAll(folder, "HOME") };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function kubeconfigFor(server: string): object {
  return {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "test", cluster: { server } }],
    contexts: [{ name: "test", context: { cluster: "test", user: "test", namespace: "default" } }],
    users: [{ name: "test", user: {} }],
    "current-context": "test",
  };
}
