import type { KubeClient } from "./client.ts";
import { readLines } from "./lines.ts";
import { objectPath, resources } from "./resource.ts";

export interface LogOptions {
  readonly container?: string;
  /** Go on with new lines until the container ends or `signal` aborts. */
  readonly follow?: boolean;
  /** Only the last lines. */
  readonly tailLines?: number;
  readonly sinceSeconds?: number;
  /** Of the container's run before the last restart. */
  readonly previous?: boolean;
  readonly timestamps?: boolean;
  readonly signal?: AbortSignal;
}

/** The lines of a container's log, without line ends. Lines over 8 MiB are left out. */
export async function* podLogs(
  client: KubeClient,
  pod: { readonly namespace: string; readonly name: string },
  options: LogOptions = {},
): AsyncGenerator<string> {
  const response = await client.request("GET", objectPath(resources.pods, pod.name, pod.namespace, "log"), {
    action: `read the log of Pod "${pod.name}" in namespace "${pod.namespace}"`,
    accept: "*/*",
    query: {
      container: options.container,
      follow: options.follow,
      tailLines: options.tailLines,
      sinceSeconds: options.sinceSeconds,
      previous: options.previous,
      timestamps: options.timestamps,
    },
    ...(options.follow === true ? { timeout: 0 } : {}),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  if (response.body === null) return;
  for await (const line of readLines(response.body)) if (line !== null) yield line;
}
