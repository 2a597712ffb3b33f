/** Which folder of src/ may import which: the layering of ARCHITECTURE.md as data. */

/** What one folder may import. `types` may be imported with `import type` only; `dynamic` with `import()` only. */
export interface ImportRule {
  readonly values: readonly string[];
  readonly types?: readonly string[];
  readonly dynamic?: readonly string[];
}

/** Keys and entries are folders relative to src/. The longest key that contains a file applies to it. */
export const importTable: Readonly<Record<string, ImportRule>> = {
  lib: { values: [] },
  model: { values: ["lib"] },
  wire: { values: ["lib"] },
  rpc: { values: ["lib", "wire"] },
  kube: { values: ["lib"] },
  manifests: { values: ["lib", "model"], types: ["kube"] },
  proxy: { values: ["lib", "model", "wire", "rpc"] },
  control: { values: ["lib", "model", "rpc", "kube", "manifests"] },
  viz: { values: ["lib", "model", "wire", "rpc", "kube", "manifests"] },
  multicluster: { values: ["lib", "model", "kube"] },
  cni: { values: ["lib", "kube"] },
  local: { values: ["lib", "wire", "cni/rules"], types: ["kube/types", "kube/crds"] },
  // The node as a client of somebody else's API server.
  "local/remote": { values: ["lib", "local", "kube"] },
  cli: {
    values: ["lib", "model", "rpc", "kube", "manifests", "viz/client", "multicluster/link"],
    dynamic: ["proxy", "control", "cni", "local", "viz", "multicluster", "../examples/emojivoto"],
  },
};

/** What a direction of traffic is put together from; never the other direction. */
const stackMayImport: readonly string[] = [
  "policy",
  "route",
  "balance",
  "faults",
  "http",
  "discovery",
  "telemetry",
  "errors",
  "tls",
  "identity",
  "detect",
  "listen",
];

/** Inside src/proxy: a folder may import folders of its own layer's rules only. Files directly in src/proxy wire everything. */
export const proxyTable: Readonly<Record<string, readonly string[]>> = {
  listen: [],
  detect: [],
  tls: ["identity"],
  identity: [],
  http: ["listen", "detect", "tls", "identity"],
  policy: ["route", "listen", "detect", "tls", "identity"],
  route: ["listen", "detect", "tls", "identity"],
  balance: ["listen", "detect", "tls", "identity"],
  faults: ["route", "http"],
  telemetry: ["listen", "detect", "tls", "identity"],
  errors: ["http", "listen", "detect", "tls", "identity"],
  discovery: ["balance", "policy", "route", "telemetry", "listen", "detect", "tls", "identity"],
  inbound: stackMayImport,
  outbound: stackMayImport,
  gateway: stackMayImport,
  tap: ["http", "tls", "identity"],
  tracing: ["http", "discovery"],
  admin: ["telemetry", "http", "tls", "identity", "detect", "listen", "errors"],
};
