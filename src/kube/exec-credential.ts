import type { Clock } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import type { Credentials, CredentialSource } from "./access.ts";

/** The `exec` section of a kubeconfig user: https://kubernetes.io/docs/reference/config-api/client-authentication.v1/ */
export interface ExecPlugin {
  readonly apiVersion?: string;
  readonly command: string;
  readonly args?: readonly string[] | null;
  readonly env?: ReadonlyArray<{ readonly name: string; readonly value: string }> | null;
  readonly installHint?: string;
  readonly interactiveMode?: "Never" | "IfAvailable" | "Always";
  readonly provideClusterInfo?: boolean;
}

/** What is told to the plugin about the cluster, when it asks for it. */
export interface ExecCluster {
  readonly server: string;
  readonly caPem?: string;
}

/** Runs a program and gives its standard output; throws with its error output. */
export type RunProgram = (
  command: readonly string[],
  env: Readonly<Record<string, string>>,
  interactive: boolean,
) => Promise<string>;

/** ms before the stated expiry at which a credential counts as used up. */
const margin = 10_000;

export const runProgram: RunProgram = async (command, env, interactive) => {
  const child = Bun.spawn([...command], {
    env: { ...process.env, ...env },
    stdin: interactive ? "inherit" : "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  const output = await new Response(child.stdout).text();
  const code = await child.exited;
  if (code !== 0) throw new MeshError("environment", `Program "${command[0] ?? ""}" ended with exit code ${code}`);
  return output;
};

/** Credentials from a helper program, kept until they expire. */
export function execCredentials(
  plugin: ExecPlugin,
  cluster: ExecCluster,
  clock: Clock,
  run: RunProgram = runProgram,
): CredentialSource {
  let cached: { readonly credentials: Credentials; readonly expires: number } | null = null;
  let running: Promise<Credentials> | null = null;

  async function fetchNew(): Promise<Credentials> {
    const version = plugin.apiVersion ?? "client.authentication.k8s.io/v1";
    const interactive = plugin.interactiveMode !== "Never" && process.stdin.isTTY === true;
    const info = {
      apiVersion: version,
      kind: "ExecCredential",
      spec: {
        interactive,
        ...(plugin.provideClusterInfo === true
          ? {
              cluster: {
                server: cluster.server,
                ...(cluster.caPem === undefined
                  ? {}
                  : { "certificate-authority-data": Buffer.from(cluster.caPem).toString("base64") }),
              },
            }
          : {}),
      },
    };
    const env: Record<string, string> = { KUBERNETES_EXEC_INFO: JSON.stringify(info) };
    for (const { name, value } of plugin.env ?? []) env[name] = value;
    let output: string;
    try {
      output = await run([plugin.command, ...(plugin.args ?? [])], env, interactive);
    } catch (thrown) {
      const hint = plugin.installHint === undefined ? "" : `; ${plugin.installHint.trim()}`;
      throw new MeshError("unauthenticated", `Failed to run the credential plugin "${plugin.command}"${hint}`, {
        cause: thrown,
      });
    }
    const parsed = parseExecCredential(output, plugin.command);
    cached = parsed;
    return parsed.credentials;
  }

  return {
    get() {
      if (cached !== null && clock.wall() < cached.expires - margin) return Promise.resolve(cached.credentials);
      // Many requests start at once: they share one run of the program.
      running ??= fetchNew().finally(() => {
        running = null;
      });
      return running;
    },
    invalidate() {
      const had = cached !== null;
      cached = null;
      return had;
    },
  };
}

/** Reads an ExecCredential; without `expirationTimestamp` it holds until the server refuses it. */
export function parseExecCredential(output: string, command: string): { credentials: Credentials; expires: number } {
  interface ExecStatus {
    token?: string;
    clientCertificateData?: string;
    clientKeyData?: string;
    expirationTimestamp?: string;
  }
  let status: ExecStatus | undefined;
  try {
    status = (JSON.parse(output) as { status?: ExecStatus }).status;
  } catch (thrown) {
    throw new MeshError("unauthenticated", `The credential plugin "${command}" printed no valid JSON`, {
      cause: thrown,
    });
  }
  if (status === undefined || (status.token === undefined && status.clientCertificateData === undefined)) {
    throw new MeshError("unauthenticated", `The credential plugin "${command}" gave neither a token nor a certificate`);
  }
  const expiry = status.expirationTimestamp === undefined ? Number.NaN : Date.parse(status.expirationTimestamp);
  return {
    credentials: {
      ...(status.token === undefined ? {} : { token: status.token }),
      ...(status.clientCertificateData === undefined ? {} : { certPem: status.clientCertificateData }),
      ...(status.clientKeyData === undefined ? {} : { keyPem: status.clientKeyData }),
    },
    expires: Number.isNaN(expiry) ? Number.POSITIVE_INFINITY : expiry,
  };
}
