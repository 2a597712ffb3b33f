/** Which resource a policy, profile or backend is about, for metric labels. */
import type { Metadata } from "#rpc/gen/meta_pb.ts";
import type { ResourceRef } from "../telemetry/labels.ts";

/** What has no resource: `name` says what it is. */
export function defaultRef(name: string): ResourceRef {
  return { group: "", kind: "default", namespace: "", name, port: "", section: "" };
}

/** Null when the message says nothing. */
export function resourceRef(metadata: Metadata | undefined): ResourceRef | null {
  const kind = metadata?.kind;
  switch (kind?.case) {
    case "resource": {
      const { group, kind: of, namespace, name, port, section } = kind.value;
      return { group, kind: of, namespace, name, port: port === 0 ? "" : String(port), section };
    }
    case "default":
      return defaultRef(kind.value);
    default:
      return null;
  }
}

/** The Service behind "NAME.NAMESPACE.svc.DOMAIN:PORT"; any other name as it is. */
export function serviceRef(path: string): ResourceRef {
  const colon = path.lastIndexOf(":");
  const [name, namespace, svc] = path.slice(0, colon).split(".");
  if (name === undefined || namespace === undefined || svc !== "svc") return defaultRef(path);
  return { group: "core", kind: "Service", namespace, name, port: path.slice(colon + 1), section: "" };
}
