/** Kubeconfig files: https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/ */
import { readFileSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import { MeshError } from "#lib/errors.ts";
import type { ExecPlugin } from "./exec-credential.ts";

export interface KubeconfigCluster {
  readonly server?: string;
  readonly "certificate-authority"?: string;
  readonly "certificate-authority-data"?: string;
  readonly "insecure-skip-tls-verify"?: boolean;
  readonly "tls-server-name"?: string;
  readonly "proxy-url"?: string;
}

export interface KubeconfigUser {
  readonly "client-certificate"?: string;
  readonly "client-certificate-data"?: string;
  readonly "client-key"?: string;
  readonly "client-key-data"?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly username?: string;
  readonly password?: string;
  readonly as?: string;
  readonly "as-groups"?: readonly string[];
  readonly exec?: ExecPlugin;
  readonly "auth-provider"?: { readonly name: string };
}

export interface KubeconfigContext {
  readonly cluster?: string;
  readonly user?: string;
  readonly namespace?: string;
}

/** Everything that the files of the list say, with relative paths made absolute. */
export interface Kubeconfig {
  readonly files: readonly string[];
  readonly clusters: ReadonlyMap<string, KubeconfigCluster>;
  readonly users: ReadonlyMap<string, KubeconfigUser>;
  readonly contexts: ReadonlyMap<string, KubeconfigContext>;
  readonly currentContext: string | null;
}

interface Named {
  readonly name?: unknown;
  readonly [key: string]: unknown;
}

const pathKeys = ["certificate-authority", "client-certificate", "client-key", "tokenFile"];

function withAbsolutePaths(entry: Readonly<Record<string, unknown>>, directory: string): Record<string, unknown> {
  const out: Record<string, unknown> = { ...entry };
  for (const key of pathKeys) {
    const value = out[key];
    if (typeof value === "string" && value !== "" && !isAbsolute(value)) out[key] = join(directory, value);
  }
  return out;
}

function collect(into: Map<string, Record<string, unknown>>, list: unknown, key: string, file: string): void {
  if (list === undefined || list === null) return;
  if (!Array.isArray(list))
    throw new MeshError("invalid-argument", `Kubeconfig "${file}" has "${key}s" that is no list`);
  for (const entry of list as readonly Named[]) {
    const value = entry?.[key];
    if (typeof entry?.name !== "string" || typeof value !== "object" || value === null) {
      throw new MeshError(
        "invalid-argument",
        `Kubeconfig "${file}" has an entry in "${key}s" without a name or "${key}"`,
      );
    }
    // The first file that names an entry wins, as in kubectl.
    if (!into.has(entry.name)) into.set(entry.name, withAbsolutePaths(value as Record<string, unknown>, dirname(file)));
  }
}

/**
 * Reads and merges files, earlier ones winning. Files that don't exist are skipped unless `mustExist` (an explicit
 * `--kubeconfig`). Throws "invalid-argument" naming the file.
 */
export function readKubeconfig(
  paths: readonly string[],
  mustExist: boolean,
  read: (path: string) => string | null = readIfPresent,
): Kubeconfig {
  const clusters = new Map<string, Record<string, unknown>>();
  const users = new Map<string, Record<string, unknown>>();
  const contexts = new Map<string, Record<string, unknown>>();
  const files: string[] = [];
  let currentContext: string | null = null;
  for (const file of paths) {
    const text = read(file);
    if (text === null) {
      if (mustExist) throw new MeshError("invalid-argument", `Kubeconfig "${file}" does not exist`);
      continue;
    }
    let document: unknown;
    try {
      // The runtime's own parser: programs in pods read no kubeconfig and needn't carry another.
      document = Bun.YAML.parse(text);
    } catch (thrown) {
      throw new MeshError("invalid-argument", `Kubeconfig "${file}" is no valid YAML`, { cause: thrown });
    }
    if (document === null || document === undefined) continue;
    if (typeof document !== "object" || Array.isArray(document)) {
      throw new MeshError("invalid-argument", `Kubeconfig "${file}" is not a kubeconfig`);
    }
    files.push(file);
    const root = document as Record<string, unknown>;
    collect(clusters, root["clusters"], "cluster", file);
    collect(users, root["users"], "user", file);
    collect(contexts, root["contexts"], "context", file);
    const current = root["current-context"];
    if (currentContext === null && typeof current === "string" && current !== "") currentContext = current;
  }
  return { files, clusters, users, contexts, currentContext };
}

/** A file's text; null when there is no such file. */
export function readIfPresent(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new MeshError("invalid-argument", `Failed to read "${path}"`, { cause: thrown });
  }
}
