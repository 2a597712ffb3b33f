/** Finds the API server: flags first, then KUBECONFIG, then ~/.kube/config, then the mount of a pod. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Clock, systemClock } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import { type ClusterAccess, type CredentialSource, fixedCredentials, type Impersonation } from "./access.ts";
import { execCredentials } from "./exec-credential.ts";
import { type Kubeconfig, type KubeconfigUser, readIfPresent, readKubeconfig } from "./kubeconfig.ts";
import { tokenFile } from "./token-file.ts";

/** kubectl-like choices; everything may be absent. */
export interface KubeConfigOptions {
  /** `--kubeconfig`: one file that must exist. */
  readonly kubeconfig?: string;
  /** `--context` */
  readonly context?: string;
  /** `--as`, `--as-group` */
  readonly as?: string;
  readonly asGroups?: readonly string[];
  /** `--server`-like override of the address. */
  readonly server?: string;
  /** Environment; KUBECONFIG, HOME, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are read. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock?: Clock;
}

const mount = "/var/run/secrets/kubernetes.io/serviceaccount";

/** Where to go and as whom. Throws "invalid-argument" or "environment" with what to do. */
export function loadClusterAccess(options: KubeConfigOptions): ClusterAccess {
  const clock = options.clock ?? systemClock;
  const { paths, explicit } = kubeconfigPaths(options);
  const config = readKubeconfig(paths, explicit);
  if (config.files.length === 0) {
    if (options.env["KUBERNETES_SERVICE_HOST"] !== undefined) return inClusterAccess(options.env, { clock });
    throw new MeshError(
      "environment",
      `No Kubernetes cluster is configured: none of ${paths.map((path) => `"${path}"`).join(", ") || "KUBECONFIG's files"} exists; set KUBECONFIG or pass --kubeconfig`,
    );
  }
  return accessOf(config, options, clock);
}

/** The list that kubectl would read. */
export function kubeconfigPaths(options: KubeConfigOptions): { paths: string[]; explicit: boolean } {
  if (options.kubeconfig !== undefined && options.kubeconfig !== "") {
    return { paths: [options.kubeconfig], explicit: true };
  }
  const variable = options.env["KUBECONFIG"] ?? "";
  const listed = variable.split(":").filter((path) => path !== "");
  if (listed.length > 0) return { paths: listed, explicit: false };
  const home = options.env["HOME"] ?? "";
  return { paths: home === "" ? [] : [join(home, ".kube", "config")], explicit: false };
}

/** Access from a pod: ServiceAccount token (read anew while running), CA and the Service's address. */
export function inClusterAccess(
  env: Readonly<Record<string, string | undefined>>,
  { clock, directory = mount }: { readonly clock: Clock; readonly directory?: string },
): ClusterAccess {
  const host = env["KUBERNETES_SERVICE_HOST"] ?? "";
  const port = env["KUBERNETES_SERVICE_PORT"] ?? "443";
  if (host === "") {
    throw new MeshError("environment", "KUBERNETES_SERVICE_HOST is not set: this process does not run in a pod");
  }
  if (!existsSync(join(directory, "token"))) {
    throw new MeshError("environment", `The ServiceAccount token "${join(directory, "token")}" is not mounted`);
  }
  const caPem = readIfPresent(join(directory, "ca.crt"));
  const namespace = readIfPresent(join(directory, "namespace"))?.trim();
  return {
    server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    ...(caPem === null ? {} : { caPem }),
    insecureSkipTlsVerify: false,
    credentials: tokenFile(join(directory, "token"), clock),
    namespace: namespace === undefined || namespace === "" ? "default" : namespace,
    context: null,
  };
}

function accessOf(config: Kubeconfig, options: KubeConfigOptions, clock: Clock): ClusterAccess {
  const where = config.files.map((file) => `"${file}"`).join(", ");
  const contextName = options.context ?? config.currentContext;
  if (contextName === null || contextName === "") {
    throw new MeshError("invalid-argument", `Kubeconfig ${where} has no current context; pass --context`);
  }
  const context = config.contexts.get(contextName);
  if (context === undefined) {
    const known = [...config.contexts.keys()].map((name) => `"${name}"`).join(", ");
    throw new MeshError(
      "invalid-argument",
      `Kubeconfig ${where} has no context "${contextName}"; it has ${known || "none"}`,
    );
  }
  const cluster = config.clusters.get(context.cluster ?? "");
  const server = options.server ?? cluster?.server;
  if (cluster === undefined || server === undefined) {
    throw new MeshError(
      "invalid-argument",
      `Kubeconfig ${where}: context "${contextName}" names the cluster "${context.cluster ?? ""}", which has no server`,
    );
  }
  const user = config.users.get(context.user ?? "") ?? {};
  const caPem = pem(cluster["certificate-authority-data"], cluster["certificate-authority"]);
  const impersonate = impersonation(options, user);
  return {
    server: server.replace(/\/+$/, ""),
    ...(caPem === undefined ? {} : { caPem }),
    ...(cluster["tls-server-name"] === undefined ? {} : { tlsServerName: cluster["tls-server-name"] }),
    ...(cluster["proxy-url"] === undefined ? {} : { proxyUrl: cluster["proxy-url"] }),
    insecureSkipTlsVerify: cluster["insecure-skip-tls-verify"] === true,
    credentials: credentialsOf(user, context.user ?? "", server, caPem, clock),
    ...(impersonate === undefined ? {} : { impersonate }),
    namespace: context.namespace ?? "default",
    context: contextName,
  };
}

function impersonation(options: KubeConfigOptions, user: KubeconfigUser): Impersonation | undefined {
  const name = options.as ?? user.as;
  if (name === undefined || name === "") {
    if ((options.asGroups ?? []).length > 0) {
      throw new MeshError("invalid-argument", "A group can be impersonated only together with a user: pass --as too");
    }
    return undefined;
  }
  return { user: name, groups: options.asGroups ?? user["as-groups"] ?? [] };
}

function credentialsOf(
  user: KubeconfigUser,
  name: string,
  server: string,
  caPem: string | undefined,
  clock: Clock,
): CredentialSource {
  if (user.exec !== undefined) {
    return execCredentials(user.exec, { server, ...(caPem === undefined ? {} : { caPem }) }, clock);
  }
  if (user.tokenFile !== undefined && user.tokenFile !== "") return tokenFile(user.tokenFile, clock);
  if (user["auth-provider"] !== undefined) {
    throw new MeshError(
      "unimplemented",
      `User "${name}" uses the auth provider "${user["auth-provider"].name}", which Kubernetes removed; use an exec plugin`,
    );
  }
  if (user.username !== undefined) {
    throw new MeshError("unimplemented", `User "${name}" uses a password, which Kubernetes no longer accepts`);
  }
  const certPem = pem(user["client-certificate-data"], user["client-certificate"]);
  const keyPem = pem(user["client-key-data"], user["client-key"]);
  if ((certPem === undefined) !== (keyPem === undefined)) {
    throw new MeshError(
      "invalid-argument",
      `User "${name}" has a client certificate without a key, or the other way round`,
    );
  }
  return fixedCredentials({
    ...(user.token === undefined ? {} : { token: user.token }),
    ...(certPem === undefined ? {} : { certPem }),
    ...(keyPem === undefined ? {} : { keyPem }),
  });
}

/** Inline data wins over a file, as in kubectl. */
function pem(data: string | undefined, path: string | undefined): string | undefined {
  if (data !== undefined && data !== "") return Buffer.from(data, "base64").toString("utf8");
  if (path === undefined || path === "") return undefined;
  const text = readIfPresent(path);
  if (text === null)
    throw new MeshError("invalid-argument", `File "${path}", which the kubeconfig names, does not exist`);
  return text;
}
