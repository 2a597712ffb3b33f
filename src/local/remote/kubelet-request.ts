/** What API servers ask a node about a pod, as paths of the kubelet's API. Pure. */
import type { KubeObject } from "../store/object.ts";
import { badRequest, StatusError } from "../api/status-error.ts";
import { containerOf } from "../api/http/log-stream.ts";
import type { ExecOptions } from "../api/executor.ts";

/** Bytes of a request's head at most. */
export const headLimit = 64 * 1024;

/** The head of an HTTP/1.1 request. */
export interface RequestHead {
  readonly method: string;
  readonly url: URL;
  /** By lower-case name; repeated ones joined by a comma. */
  readonly headers: ReadonlyMap<string, string>;
  /** The lines as they came, without the first one. */
  readonly lines: readonly string[];
}

/** Null for what is no request. `text`: up to and without the empty line. */
export function parseHead(text: string): RequestHead | null {
  const [first = "", ...lines] = text.split("\r\n");
  const match = /^([A-Z]+) (\/\S*) HTTP\/1\.[01]$/.exec(first);
  if (match === null) return null;
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon <= 0) return null;
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return { method: match[1] ?? "", url: new URL(match[2] ?? "/", "http://node"), headers, lines };
}

export type PodRequest =
  | { readonly kind: "log"; readonly namespace: string; readonly pod: string; readonly container: string }
  | { readonly kind: "exec"; readonly namespace: string; readonly pod: string; readonly container: string }
  | { readonly kind: "forward"; readonly namespace: string; readonly pod: string };

/** Null for paths that are not served. */
export function podRequest(path: string): PodRequest | null {
  const [, verb, namespace = "", pod = "", container = "", ...rest] = path.split("/").map(decodeURIComponent);
  if (namespace === "" || pod === "" || rest.length > 0) return null;
  if (verb === "containerLogs" && container !== "") return { kind: "log", namespace, pod, container };
  if (verb === "exec" && container !== "") return { kind: "exec", namespace, pod, container };
  if (verb === "portForward" && container === "") return { kind: "forward", namespace, pod };
  return null;
}

/** Options of a command; kubelets and API servers call the same ones by different names. Throws 400. */
export function execOptions(pod: KubeObject, container: string, query: URLSearchParams): ExecOptions {
  const command = query.getAll("command");
  if (command.length === 0) throw badRequest("you must specify at least one command for the container");
  const is = (...names: string[]): boolean => names.some((name) => ["1", "true"].includes(query.get(name) ?? ""));
  return {
    container: containerOf(pod, container),
    command,
    stdin: is("input", "stdin"),
    stdout: is("output", "stdout"),
    stderr: is("error", "stderr"),
    tty: is("tty"),
  };
}

/** Ports of a WebSocket that forwards. Throws 400. */
export function forwardPorts(query: URLSearchParams): number[] {
  const ports = [...query.getAll("ports"), ...query.getAll("port")].flatMap((value) => value.split(",")).map(Number);
  if (ports.length === 0 || ports.length > 16 || ports.some((port) => !(port >= 1 && port <= 65535))) {
    throw badRequest("Name 1 to 16 ports between 1 and 65535");
  }
  return ports;
}

/** The refusal of anything else. */
export function unknownPath(path: string): StatusError {
  return new StatusError("NotFound", `The node does not serve "${path}"`);
}
