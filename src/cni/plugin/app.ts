/**
 * The CNI plugin: the container runtime runs it after the plugin that made a pod's interface. It asks the API server
 * about the pod and writes the redirect rules into the pod's network namespace; other pods pass untouched.
 * Deleting needs nothing: the rules go with the namespace.
 */
import { asMeshError, errorChain, MeshError, unreachable } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import type { Pod } from "#kube/types/core.ts";
import type { Table } from "../nftables/table.ts";
import { podRules } from "../pod-rules.ts";
import { redirectTable, tableName } from "../rules.ts";
import { readPluginConfig, type PluginConfig } from "./plugin-config.ts";
import {
  CniError,
  cniErrors,
  type CniRequest,
  errorResult,
  type JsonObject,
  parseRequest,
  previousResult,
  versionResult,
} from "./protocol.ts";

export interface PluginTools {
  /** The pod, or null when the API server doesn't know it. Throws when the API server can't be asked. */
  readonly findPod: (kubeconfig: string, namespace: string, name: string) => Promise<Pod | null>;
  readonly install: (netns: string, table: Table) => void;
  /** Whether the table is there. */
  readonly installed: (netns: string, table: string) => boolean;
  /** A logger for the level that the configuration asks for; to the runtime's log. */
  readonly log: (level: string) => Log;
  readonly exists: (path: string) => boolean;
}

export interface PluginAnswer {
  /** For standard output; null: nothing. */
  readonly output: JsonObject | null;
  readonly exitCode: 0 | 1;
}

/** Answers one request. Never throws. */
export async function answer(
  env: Readonly<Record<string, string | undefined>>,
  input: string,
  tools: PluginTools,
): Promise<PluginAnswer> {
  let version = "";
  try {
    const request = parseRequest(env, input);
    version = request.version;
    return { output: await handle(request, tools), exitCode: 0 };
  } catch (thrown) {
    const error =
      thrown instanceof CniError
        ? thrown
        : new CniError(cniErrors.rules, errorChain(asMeshError(thrown, "linkerd-cni")));
    return { output: errorResult(error, version), exitCode: 1 };
  }
}

async function handle(request: CniRequest, tools: PluginTools): Promise<JsonObject | null> {
  switch (request.command) {
    case "VERSION":
      return versionResult(request.version);
    case "DEL":
    case "GC":
      return null;
    case "STATUS": {
      const { kubeconfig } = configOf(request);
      if (tools.exists(kubeconfig)) return null;
      throw new CniError(cniErrors.notAvailable, `The kubeconfig "${kubeconfig}" is missing`);
    }
    case "ADD": {
      const result = previousResult(request);
      await add(request, tools);
      return result;
    }
    case "CHECK":
      await check(request, tools);
      return null;
    default:
      return unreachable(request.command);
  }
}

function configOf(request: CniRequest): PluginConfig {
  try {
    return readPluginConfig(request.config);
  } catch (thrown) {
    throw new CniError(cniErrors.invalidConfig, errorChain(thrown), { cause: thrown });
  }
}

/** The table that the pod needs, or null. */
async function wanted(request: CniRequest, tools: PluginTools): Promise<Table | null> {
  const config = configOf(request);
  const log = tools.log(config.logLevel);
  const namespace = request.args.get("K8S_POD_NAMESPACE") ?? "";
  const name = request.args.get("K8S_POD_NAME") ?? "";
  if (namespace === "" || name === "") {
    log.debug("Not a pod of Kubernetes, nothing to do");
    return null;
  }
  if (config.excludeNamespaces.includes(namespace)) return null;
  let pod: Pod | null;
  try {
    pod = await tools.findPod(config.kubeconfig, namespace, name);
  } catch (thrown) {
    throw new CniError(
      cniErrors.tryAgainLater,
      `linkerd-cni can't ask the API server whether pod "${namespace}/${name}" is meshed: ${errorChain(thrown)}; it needs the pod of DaemonSet "linkerd-cni" on this node, which renews its credentials`,
      { cause: thrown },
    );
  }
  const uid = request.args.get("K8S_POD_UID") ?? "";
  if (pod === null || (uid !== "" && pod.metadata.uid !== undefined && uid !== pod.metadata.uid && !isMirror(pod))) {
    log.info("The API server does not know the pod, nothing to do", { namespace, name });
    return null;
  }
  const rules = podRules(pod, config.rules);
  if (rules.kind === "none") {
    log.debug("The pod is left alone", { namespace, name, reason: rules.reason });
    return null;
  }
  return redirectTable(rules.settings);
}

/** A static pod's copy in the API server has another uid than the kubelet uses. */
function isMirror(pod: Pod): boolean {
  return pod.metadata.annotations?.["kubernetes.io/config.mirror"] !== undefined;
}

async function add(request: CniRequest, tools: PluginTools): Promise<void> {
  const table = await wanted(request, tools);
  if (table === null) return;
  tools.install(request.netns, table);
  tools.log("info").info("Redirect rules are installed", {
    namespace: request.args.get("K8S_POD_NAMESPACE"),
    name: request.args.get("K8S_POD_NAME"),
  });
}

async function check(request: CniRequest, tools: PluginTools): Promise<void> {
  const table = await wanted(request, tools);
  if (table !== null && !tools.installed(request.netns, tableName)) {
    throw new MeshError("environment", `The redirect rules are missing in "${request.netns}"`);
  }
}
