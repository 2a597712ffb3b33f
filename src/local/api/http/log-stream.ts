/** GET pods/NAME/log: a container's log as plain text, with backpressure towards the node. */
import type { KubeObject } from "../../store/object.ts";
import type { LogOptions, LogStream, NodeExecutor } from "../executor.ts";
import { records, record, text } from "../kinds/strategy.ts";
import { badRequest } from "../status-error.ts";
import { flag, whole } from "./options.ts";

/** The container that a request means: the named one, or the pod's only one. Throws 400. */
export function containerOf(pod: KubeObject, wanted: string | null): string {
  const spec = record(pod["spec"]);
  const names = records(spec["containers"]).map((item) => text(item["name"]));
  const inits = records(spec["initContainers"]).map((item) => text(item["name"]));
  const { name } = pod.metadata;
  if (wanted !== null && wanted !== "") {
    if (names.includes(wanted) || inits.includes(wanted)) return wanted;
    throw badRequest(`container ${wanted} is not valid for pod ${name}`);
  }
  const [only] = names;
  if (names.length === 1 && only !== undefined) return only;
  const choice = inits.length === 0 ? "" : ` or one of the init containers: [${inits.join(" ")}]`;
  throw badRequest(`a container name must be specified for pod ${name}, choose one of: [${names.join(" ")}]${choice}`);
}

function sinceOf(query: URLSearchParams, now: number): number | null {
  const seconds = whole(query, "sinceSeconds");
  if (seconds !== null) return now - seconds * 1000;
  const time = query.get("sinceTime");
  if (time === null) return null;
  const parsed = Date.parse(time);
  if (Number.isNaN(parsed)) throw badRequest(`The parameter sinceTime="${time}" is not an RFC 3339 time`);
  return parsed;
}

export function serveLog(executor: NodeExecutor, pod: KubeObject, query: URLSearchParams, now: number): Response {
  const options: LogOptions = {
    container: containerOf(pod, query.get("container")),
    follow: query.has("follow") && flag(query, "follow"),
    previous: query.has("previous") && flag(query, "previous"),
    timestamps: query.has("timestamps") && flag(query, "timestamps"),
    tailLines: whole(query, "tailLines"),
    since: sinceOf(query, now),
    limitBytes: whole(query, "limitBytes"),
  };
  let log: LogStream | null = null;
  // What comes before the stream has a reader waits here: a start that fails must still become a Status.
  const early: Uint8Array[] = [];
  let ended = false;
  let controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  log = executor.logs(pod, options, {
    write(chunk) {
      if (controller === null) {
        early.push(chunk);
        return false;
      }
      controller.enqueue(chunk);
      return (controller.desiredSize ?? 0) > 0;
    },
    end() {
      ended = true;
      controller?.close();
    },
  });
  const stream = new ReadableStream<Uint8Array>(
    {
      start(opened) {
        controller = opened;
        for (const chunk of early.splice(0)) opened.enqueue(chunk);
        if (ended) opened.close();
        else log?.onDrain();
      },
      pull() {
        if (!ended) log?.onDrain();
      },
      cancel() {
        controller = null;
        if (!ended) log?.cancel();
        ended = true;
      },
    },
    { highWaterMark: 16 },
  );
  return new Response(stream, { headers: { "content-type": "text/plain", "cache-control": "no-cache, private" } });
}
