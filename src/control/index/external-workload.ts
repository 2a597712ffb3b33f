/** ExternalWorkload: a machine outside of the cluster whose proxy is part of the mesh. */
import { MeshError } from "#lib/errors.ts";
import { parseIp } from "#lib/net-addr.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import { Field } from "../admission/field.ts";
import { Findings } from "../admission/findings.ts";
import type { IndexedObject } from "./object-index.ts";
import type { PortOwner } from "./workload.ts";

/** What others must verify when they connect, and what they ask for. */
export interface ExternalIdentity {
  /** A DNS name or a URI such as "spiffe://…". */
  readonly identity: string;
  readonly serverName: string;
}

export interface ExternalWorkload extends IndexedObject, PortOwner {
  readonly uid: string;
  readonly external: ExternalIdentity;
  /** Condition Ready: only then others are sent there. */
  readonly ready: boolean;
}

/** Throws "invalid-argument" when nobody could be sent there safely: without an identity anybody could answer. */
export function decodeExternalWorkload(object: KubeObject): ExternalWorkload {
  const { namespace = "", name, uid = "", labels = {}, resourceVersion = "" } = object.metadata;
  const { spec: written, status } = object as KubeObject & { readonly spec?: unknown; readonly status?: unknown };
  const spec = new Field("spec", written, new Findings());
  // "meshTls" is the spelling of v1alpha1.
  const tls = spec.at("meshTLS").present ? spec.at("meshTLS") : spec.at("meshTls");
  const identity = tls.at("identity").text() ?? "";
  const serverName = tls.at("serverName").text() ?? "";
  if (identity === "" || serverName === "") {
    throw new MeshError("invalid-argument", `ExternalWorkload "${name}" says no identity and server name`);
  }
  const annotations: Record<string, string> = {};
  for (const [key, value] of Object.entries(object.metadata.annotations ?? {})) {
    if (key.includes("linkerd.io/")) annotations[key] = value;
  }
  const addresses = spec.at("workloadIPs").objects();
  const namedPorts: Record<string, number> = {};
  for (const port of spec.at("ports").objects()) {
    const portName = port.at("name").text() ?? "";
    const number = port.at("port").integer(1, 65535);
    if (number === null || (port.at("protocol").text() ?? "TCP") !== "TCP") continue;
    if (portName !== "" && !Object.hasOwn(namedPorts, portName)) namedPorts[portName] = number;
  }
  const conditions = new Field("status", status, new Findings()).at("conditions").objects();
  return {
    metadata: { namespace, name, resourceVersion },
    namespace,
    name,
    uid,
    labels,
    annotations,
    ips: addresses.flatMap((address) => address.at("ip").text() ?? []).filter((ip) => parseIp(ip) !== null),
    namedPorts,
    moreNamedPorts: [],
    probes: [],
    external: { identity, serverName },
    ready: conditions.some(({ value }) => {
      const condition = value as { readonly type?: unknown; readonly status?: unknown };
      return condition.type === "Ready" && condition.status === "True";
    }),
  };
}
