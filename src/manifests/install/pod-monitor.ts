/**
 * PodMonitors of the Prometheus Operator: who is scraped, and the labels by which dashboards and alerts know workloads.
 * https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.PodMonitor
 */
import {
  and,
  fromYaml,
  merged,
  some,
  text,
  when,
  type Expr,
  type Tree,
  type TreeObject,
} from "../template/expression.ts";
import { componentLabels, createdByAnnotations, type InstallContext } from "./labels.ts";

type Target = InstallContext["values"]["podMonitor"]["controller"];

/** Prefix of what Prometheus knows of a pod before relabelling. */
const pod = "__meta_kubernetes_pod";
const containerName = `${pod}_container_name`;
const portName = `${pod}_container_port_name`;

const keep = (sourceLabels: string[], regex: Expr<string>): TreeObject => ({ sourceLabels, action: "keep", regex });
const copy = (from: string, targetLabel: string): TreeObject => ({
  sourceLabels: [from],
  action: "replace",
  targetLabel,
});
const map = (regex: string, replacement?: string): TreeObject => ({ action: "labelmap", regex, replacement });
const drop = (regex: string): TreeObject => ({ action: "labeldrop", regex });

export function podMonitorManifests(context: InstallContext): readonly Tree[] {
  const { values, namespace } = context;
  const { enabled, controller, serviceMirror, proxy } = values.podMonitor;
  return [
    when(
      and(enabled, controller.enabled),
      monitor(context, "linkerd-controller", controller, { matchNames: [namespace, "linkerd-viz"] }, [
        // Proxies have a monitor of their own.
        { sourceLabels: [containerName], action: "drop", regex: "linkerd-proxy" },
        keep([portName], "(.*-)?admin(-http)?"),
        copy(containerName, "component"),
      ]),
    ),
    when(
      and(enabled, serviceMirror.enabled),
      monitor(context, "linkerd-service-mirror", serviceMirror, { matchNames: ["linkerd-multicluster"] }, [
        keep(
          [`${pod}_label_linkerd_io_control_plane_component`, portName],
          "(linkerd-)?service-mirror;(.*-)?admin(-http)?",
        ),
        copy(containerName, "component"),
      ]),
    ),
    when(
      and(enabled, proxy.enabled),
      monitor(context, "linkerd-proxy", proxy, { any: true }, [
        keep(
          [containerName, portName, `${pod}_label_linkerd_io_control_plane_ns`],
          text`linkerd-proxy;linkerd-admin;${namespace}`,
        ),
        copy("__meta_kubernetes_namespace", "namespace"),
        copy(`${pod}_name`, "pod"),
        // "job" is Prometheus' own word.
        copy(`${pod}_label_linkerd_io_proxy_job`, "k8s_job"),
        drop(`${pod}_label_linkerd_io_proxy_job`),
        map(`${pod}_label_linkerd_io_proxy_(.+)`),
        drop(`${pod}_label_linkerd_io_proxy_(.+)`),
        map(`${pod}_label_linkerd_io_(.+)`),
        // The application's own labels, the mesh's without their prefix.
        map(`${pod}_label_(.+)`, "__tmp_pod_label_$1"),
        map("__tmp_pod_label_linkerd_io_(.+)", "__tmp_pod_label_$1"),
        drop("__tmp_pod_label_linkerd_io_(.+)"),
        map("__tmp_pod_label_(.+)"),
      ]),
    ),
  ];
}

function monitor(
  context: InstallContext,
  name: string,
  target: Target,
  everywhere: TreeObject,
  relabelings: readonly Tree[],
): Tree {
  const { podMonitor } = context.values;
  return {
    apiVersion: "monitoring.coreos.com/v1",
    kind: "PodMonitor",
    metadata: {
      name,
      namespace: context.namespace,
      labels: merged({}, podMonitor.labels, componentLabels(context, "controller") as Expr<Record<string, string>>),
      annotations: createdByAnnotations(context),
    },
    spec: {
      namespaceSelector: when(some(target.namespaceSelector), fromYaml(target.namespaceSelector), everywhere),
      selector: {},
      podMetricsEndpoints: [
        {
          interval: podMonitor.scrapeInterval,
          scrapeTimeout: podMonitor.scrapeTimeout,
          honorTimestamps: target.honorTimestamps,
          relabelings,
        },
      ],
    },
  };
}
