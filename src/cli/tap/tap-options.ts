/** What `viz tap` and `viz top` are asked for by the same flags. */
import type { Command } from "commander";
import { MeshError } from "#lib/errors.ts";
import { parseResource } from "#viz/client/resource-kinds.ts";
import { defaultMaxRps, mostMaxRps, tapPath, type TapRequest } from "#viz/client/tap-request.ts";

export interface TapOptions {
  readonly namespace?: string;
  readonly to?: string;
  readonly toNamespace?: string;
  readonly maxRps: string;
  readonly scheme?: string;
  readonly method?: string;
  readonly authority?: string;
  readonly path?: string;
  readonly selector?: string;
  readonly vizNamespace: string;
}

export function addTapOptions(command: Command): Command {
  return command
    .argument("<resource>", "TYPE, TYPE/NAME or TYPE NAME, e.g. deploy/web")
    .argument("[name]")
    .option("-n, --namespace <namespace>", "namespace of the resource")
    .option("--to <resource>", "only requests to this resource")
    .option("--to-namespace <namespace>", "namespace of --to (default: that of the resource)")
    .option("--max-rps <number>", "requests a second that are shown at most", String(defaultMaxRps))
    .option("--scheme <scheme>", "only requests with this :scheme")
    .option("--method <method>", "only requests with this :method")
    .option("--authority <authority>", "only requests with this :authority")
    .option("--path <prefix>", "only requests whose :path begins so")
    .option("-l, --selector <selector>", "only pods with these labels")
    .option("--viz-namespace <namespace>", "namespace of the viz extension", "linkerd-viz");
}

export function tapRequest(args: readonly string[], options: TapOptions, namespace: string): TapRequest {
  const maxRps = Number(options.maxRps);
  if (!(maxRps > 0 && maxRps <= mostMaxRps)) {
    throw new MeshError(
      "invalid-argument",
      `Flag --max-rps has the value "${options.maxRps}"; use a number above 0 and up to ${mostMaxRps}`,
    );
  }
  const resource = parseResource(args, namespace);
  if (resource.kind === "namespace" && resource.name === null)
    throw new MeshError("invalid-argument", `Name a namespace, such as ns/${namespace}`);
  // Refuses kinds without pods before the cluster is asked.
  tapPath(resource);
  const { to, toNamespace, scheme, method, authority, path, selector } = options;
  return {
    resource,
    maxRps,
    ...(to === undefined
      ? toNamespace === undefined
        ? {}
        : { to: { kind: "namespace" as const, namespace: null, name: toNamespace } }
      : { to: parseResource([to], toNamespace ?? resource.namespace ?? resource.name) }),
    ...(scheme === undefined ? {} : { scheme }),
    ...(method === undefined ? {} : { method }),
    ...(authority === undefined ? {} : { authority }),
    ...(path === undefined ? {} : { path }),
    ...(selector === undefined ? {} : { selector }),
  };
}

/** The lines, with an error that says what to do where tap is not there. */
export function explained(thrown: unknown, vizNamespace: string): unknown {
  if (!(thrown instanceof MeshError)) return thrown;
  if (thrown.code === "not-found" && thrown.message.includes("could not find the requested resource")) {
    return new MeshError(
      "not-found",
      `Tap is not installed in namespace "${vizNamespace}"; install it with: linkerd viz install | kubectl apply -f -`,
      { cause: thrown },
    );
  }
  if (thrown.code !== "permission-denied") return thrown;
  return new MeshError(
    thrown.code,
    `${thrown.message}; whoever may grant rights can bind you to the ClusterRole "linkerd-${vizNamespace}-tap-admin", or to one for less`,
    { cause: thrown },
  );
}
