/** `linkerd viz list`: which meshed pods can be tapped. */
import type { Command } from "commander";
import { resources } from "#kube/resource.ts";
import type { Pod } from "#kube/types/core.ts";
import { cluster, namespaceOr } from "../cluster.ts";
import { printable } from "../output/printable.ts";
import type { Shell } from "../shell.ts";

interface ListOptions {
  readonly namespace?: string;
  readonly allNamespaces?: boolean;
}

type TapState = "enabled" | "disabled" | "restart needed";

export function registerList(viz: Command, shell: Shell): void {
  viz
    .command("list")
    .description("Print which meshed pods can be tapped")
    .option("-n, --namespace <namespace>", "namespace of the pods")
    .option("-A, --all-namespaces", "pods of all namespaces")
    .addHelpText("after", "\nExamples:\n  linkerd viz list -n emojivoto\n  linkerd viz list -A")
    .action(
      shell.action<ListOptions>(async (context, _args, options) => {
        const client = cluster(context);
        const namespace = options.allNamespaces === true ? null : namespaceOr(client, options.namespace);
        const { items } = await client.list<Pod>(resources.pods, namespace === null ? {} : { namespace });
        const text = tapLists(items);
        if (text !== "") context.terminal.out(text);
        else context.terminal.err(`No meshed pods found${namespace === null ? "" : ` in namespace "${namespace}"`}\n`);
      }),
    );
}

const headings: ReadonlyArray<readonly [TapState, string]> = [
  ["enabled", "Pods with tap enabled:"],
  ["disabled", "Pods with tap disabled:"],
  ["restart needed", "Pods missing tap configuration (restart these pods to enable tap):"],
];

/** One list for each state that a pod is in; "" without meshed pods. */
export function tapLists(pods: readonly Pod[]): string {
  return headings
    .flatMap(([state, heading]) => {
      const names = pods
        .filter((pod) => tapState(pod) === state)
        .map(({ metadata }) => `\t* ${printable(`${metadata.namespace ?? "default"}/${metadata.name}`)}\n`);
      return names.length === 0 ? [] : [`${heading}\n${names.toSorted().join("")}`];
    })
    .join("\n");
}

/** Null: the pod has no proxy. */
function tapState(pod: Pod): TapState | null {
  const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  const proxy = containers.find(({ name }) => name === "linkerd-proxy");
  if (proxy === undefined) return null;
  if (proxy.env?.some(({ name, value }) => name === "LINKERD2_PROXY_TAP_SVC_NAME" && value !== "") === true) {
    return "enabled";
  }
  return pod.metadata.annotations?.["viz.linkerd.io/disable-tap"] === "true" ? "disabled" : "restart needed";
}
