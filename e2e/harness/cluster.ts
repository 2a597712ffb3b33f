/**
 * The cluster that scenarios run on: the local one, started once per test process by the command line a user would
 * type, or with LINKERD_E2E_KUBECONFIG one that exists.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { KubeClient } from "#kube/client.ts";
import { clientOf } from "../../scripts/mesh.ts";

export const repository = resolve(import.meta.dir, "../..");
const linkerd = join(repository, "linkerd");

export interface CommandResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface TestCluster {
  readonly kubeconfig: string;
  readonly client: KubeClient;
  /** Runs `./linkerd ARGS` against the cluster. */
  linkerd(args: readonly string[], input?: string): Promise<CommandResult>;
  /** Runs `kubectl ARGS` against the cluster. */
  kubectl(args: readonly string[], input?: string): Promise<CommandResult>;
  stop(): Promise<void>;
}

/** Runs a program to its end; killed after `limit` ms. */
export async function run(
  argv: readonly string[],
  options: { readonly input?: string; readonly env?: Readonly<Record<string, string>>; readonly limit?: number } = {},
): Promise<CommandResult> {
  const child = Bun.spawn([...argv], {
    cwd: repository,
    stdin: new Blob([options.input ?? ""]),
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, NO_COLOR: "1", ...options.env },
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), options.limit ?? 120_000);
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  clearTimeout(timer);
  return { code, out, err };
}

export const hasKubectl = Bun.which("kubectl") !== null;

/** Starts a local cluster in the foreground, as `linkerd local up` does, and waits for its kubeconfig. */
export async function startCluster(name: string): Promise<TestCluster> {
  const given = process.env["LINKERD_E2E_KUBECONFIG"];
  if (given !== undefined) return connectTo(given, async () => {});
  const stateRoot = mkdtempSync(join(tmpdir(), "linkerd-e2e-"));
  const env = { XDG_STATE_HOME: stateRoot };
  const up = await run([linkerd, "local", "up", "--detach", "--name", name], { env });
  if (up.code !== 0) throw new Error(`linkerd local up failed: ${up.err}`);
  const path = await run([linkerd, "local", "kubeconfig", "--name", name], { env });
  return connectTo(path.out.trim(), async () => {
    await run([linkerd, "local", "down", "--name", name], { env });
    rmSync(stateRoot, { recursive: true, force: true });
  });
}

function connectTo(kubeconfig: string, stop: () => Promise<void>): TestCluster {
  const env = { KUBECONFIG: kubeconfig };
  const withInput = (input: string | undefined) => (input === undefined ? { env } : { env, input });
  return {
    kubeconfig,
    client: clientOf(kubeconfig),
    linkerd: (args, input) => run([linkerd, ...args], withInput(input)),
    kubectl: (args, input) => run(["kubectl", ...args], withInput(input)),
    stop,
  };
}

/** Tries again until `probe` gives a value that is not null; fails with its last error after `limit` ms. */
export async function eventually<T>(what: string, limit: number, probe: () => Promise<T | null>): Promise<T> {
  const deadline = performance.now() + limit;
  let last: unknown = null;
  for (;;) {
    try {
      const value = await probe();
      if (value !== null) return value;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) throw new Error(`${what} did not happen within ${limit} ms`, { cause: last });
    await Bun.sleep(200);
  }
}
