/**
 * Who asks, as the Kubernetes API server tells an APIService: it proves itself by a certificate of the "requestheader"
 * authority and puts the user into header fields. What it is trusted by is in a ConfigMap that it writes.
 * https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/
 */
import { MeshError } from "#lib/errors.ts";
import type { FlatHeaders } from "#wire/http1/head.ts";

export const frontProxyConfigMap = { namespace: "kube-system", name: "extension-apiserver-authentication" } as const;

export interface FrontProxy {
  /** Authorities of the API server's client certificate, PEM. */
  readonly caPem: string;
  /** Common names that it may have; empty: any. */
  readonly allowedNames: readonly string[];
  /** Lower-case names of header fields. */
  readonly usernameHeaders: readonly string[];
  readonly uidHeaders: readonly string[];
  readonly groupHeaders: readonly string[];
  readonly extraPrefixes: readonly string[];
}

/** Throws "environment" when the API server is not set up for APIServices. */
export function readFrontProxy(data: Readonly<Record<string, string>>): FrontProxy {
  const caPem = data["requestheader-client-ca-file"] ?? "";
  if (caPem.trim() === "") {
    throw new MeshError(
      "environment",
      `ConfigMap "${frontProxyConfigMap.namespace}/${frontProxyConfigMap.name}" names no authority of front proxies: the API server runs without --requestheader-client-ca-file`,
    );
  }
  const list = (key: string, fallback: readonly string[]): string[] => {
    const text = data[key];
    const value: unknown = text === undefined || text === "" ? fallback : parsed(key, text);
    if (!Array.isArray(value)) throw new MeshError("environment", `"${key}" of the front proxy's settings is no list`);
    return value.map(String);
  };
  const lower = (names: readonly string[]): string[] => names.map((name) => name.toLowerCase());
  return {
    caPem,
    allowedNames: list("requestheader-allowed-names", []),
    usernameHeaders: lower(list("requestheader-username-headers", ["X-Remote-User"])),
    uidHeaders: lower(list("requestheader-uid-headers", ["X-Remote-Uid"])),
    groupHeaders: lower(list("requestheader-group-headers", ["X-Remote-Group"])),
    extraPrefixes: lower(list("requestheader-extra-headers-prefix", ["X-Remote-Extra-"])),
  };
}

function parsed(key: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (thrown) {
    throw new MeshError("environment", `"${key}" of the front proxy's settings is no JSON`, { cause: thrown });
  }
}

export interface RemoteUser {
  readonly name: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** Null: nobody is named. Only of a connection whose certificate was checked. */
export function remoteUser(headers: FlatHeaders, front: FrontProxy): RemoteUser | null {
  const values = (names: readonly string[]): string[] => {
    const out: string[] = [];
    for (let at = 0; at < headers.length; at += 2)
      if (names.includes(headers[at] ?? "")) out.push(headers[at + 1] ?? "");
    return out;
  };
  const [name = ""] = values(front.usernameHeaders);
  if (name === "") return null;
  const extra: Record<string, string[]> = Object.create(null) as Record<string, string[]>;
  for (let at = 0; at < headers.length; at += 2) {
    const field = headers[at] ?? "";
    const prefix = front.extraPrefixes.find((candidate) => candidate !== "" && field.startsWith(candidate));
    if (prefix === undefined) continue;
    (extra[unescaped(field.slice(prefix.length))] ??= []).push(headers[at + 1] ?? "");
  }
  return { name, uid: values(front.uidHeaders)[0] ?? "", groups: values(front.groupHeaders), extra };
}

/** Keys are percent-encoded where a header's name can't have their characters. */
function unescaped(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    // A lone "%" stands for itself.
    return key;
  }
}
