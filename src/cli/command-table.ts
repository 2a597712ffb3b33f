/**
 * Every command by name. Only the command that was typed is loaded: `linkerd --help` and `linkerd version` must feel
 * instant, and most of what the others need (YAML, manifests, protobuf) takes longer to load than those take to run.
 */
import type { Register } from "./shell.ts";

export interface CommandEntry {
  readonly name: string;
  readonly aliases?: readonly string[];
  /** One line in the list of commands. */
  readonly summary: string;
  /** Heading in the list of commands; null: not listed. */
  readonly group: "Install" | "Workloads" | "Look into the mesh" | "Extensions and tools" | null;
  readonly load: () => Promise<{ readonly register: Register }>;
}

export const commandTable: readonly CommandEntry[] = [
  {
    name: "check",
    summary: "Check the cluster, the control plane and the proxies for problems",
    group: "Install",
    load: () => import("./commands/check.ts"),
  },
  {
    name: "install",
    summary: "Print the manifests of the control plane",
    group: "Install",
    load: () => import("./commands/install.ts"),
  },
  {
    name: "install-cni",
    summary: "Print the manifests of the CNI plugin",
    group: "Install",
    load: () => import("./commands/install-cni.ts"),
  },
  {
    name: "upgrade",
    summary: "Print the manifests of this version for a control plane that is installed",
    group: "Install",
    load: () => import("./commands/upgrade.ts"),
  },
  {
    name: "prune",
    summary: "Print what this version no longer has, for kubectl delete",
    group: "Install",
    load: () => import("./commands/prune.ts"),
  },
  {
    name: "uninstall",
    summary: "Print the resources of the control plane, for kubectl delete",
    group: "Install",
    load: () => import("./commands/uninstall.ts"),
  },
  {
    name: "inject",
    summary: "Add the proxy to manifests",
    group: "Workloads",
    load: () => import("./commands/inject.ts"),
  },
  {
    name: "uninject",
    summary: "Take the proxy out of manifests",
    group: "Workloads",
    load: () => import("./commands/uninject.ts"),
  },
  {
    name: "profile",
    summary: "Print a ServiceProfile for a Service",
    group: "Workloads",
    load: () => import("./commands/profile.ts"),
  },
  {
    name: "authz",
    summary: "Print the authorizations that concern a resource",
    group: "Look into the mesh",
    load: () => import("./commands/authz.ts"),
  },
  {
    name: "diagnostics",
    aliases: ["dg"],
    summary: "Print what control plane and proxies know",
    group: "Look into the mesh",
    load: () => import("./commands/diagnostics.ts"),
  },
  {
    name: "explain",
    summary: "Explain what policy and routes make of a request, and why",
    group: "Look into the mesh",
    load: () => import("./commands/explain.ts"),
  },
  {
    name: "identity",
    summary: "Print the certificates of proxies",
    group: "Look into the mesh",
    load: () => import("./commands/identity.ts"),
  },
  {
    name: "viz",
    summary: "Golden metrics of the mesh",
    group: "Extensions and tools",
    load: () => import("./commands/viz.ts"),
  },
  {
    name: "local",
    summary: "A small Kubernetes-compatible cluster on this machine",
    group: "Extensions and tools",
    load: () => import("./commands/local.ts"),
  },
  {
    name: "completion",
    summary: "Print a shell completion script",
    group: "Extensions and tools",
    load: () => import("./commands/completion.ts"),
  },
  {
    name: "version",
    summary: "Print the client and server version",
    group: "Extensions and tools",
    load: () => import("./commands/version.ts"),
  },
  {
    name: "doc",
    summary: "Print the reference of commands and annotations",
    group: null,
    load: () => import("./commands/doc.ts"),
  },
];

/** Commands that moved below `viz`; they still work where old scripts type them. */
export const movedToViz: readonly string[] = ["dashboard", "edges", "routes", "stat", "tap", "top"];

export function findEntry(name: string): CommandEntry | undefined {
  return commandTable.find((entry) => entry.name === name || entry.aliases?.includes(name) === true);
}
