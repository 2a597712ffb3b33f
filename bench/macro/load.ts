/** Load on a contender: wrk for CPU per request, a paced client for latencies at a fixed rate. */
import { join } from "node:path";
import { run } from "./process.ts";
import { appPort, client, echoPort, grpcPort, http2Port, server } from "./world.ts";

export interface WrkResult {
  readonly requests: number;
  /** Answers other than 2xx and 3xx, and connections that broke. */
  readonly failed: number;
  readonly perSecond: number;
}

const url = (path: string): string => `http://${server.ip}:${appPort}${path}`;

/** `nearEnd` is called a little before the load ends. */
export async function wrk(
  path: string,
  connections: number,
  seconds: number,
  nearEnd?: () => void,
): Promise<WrkResult> {
  const timer = nearEnd === undefined ? null : setTimeout(nearEnd, seconds * 900);
  const argv = ["wrk", "-t1", `-c${connections}`, `-d${seconds}s`, url(path)];
  const text = await run(argv, client.namespace).finally(() => clearTimeout(timer ?? undefined));
  const requests = Number(/(\d+) requests in/.exec(text)?.[1] ?? 0);
  const socketErrors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text);
  const broken = socketErrors === null ? 0 : socketErrors.slice(1).reduce((sum, count) => sum + Number(count), 0);
  const bad = Number(/Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? 0);
  if (requests === 0) throw new Error(`wrk made no request:\n${text}`);
  return { requests, failed: broken + bad, perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1] ?? 0) };
}

export interface Latencies {
  readonly p50: number;
  readonly p99: number;
  readonly failed: number;
}

/** Requests at a fixed rate, each at its own time whether or not earlier ones were answered; milliseconds from that time on. */
export async function paced(path: string, connections: number, rate: number, seconds: number): Promise<Latencies> {
  const script = join(import.meta.dir, "paced-client.ts");
  const text = await run(
    [process.execPath, script, server.ip, String(appPort), path, String(connections), String(rate), String(seconds)],
    client.namespace,
  );
  return JSON.parse(text) as Latencies;
}

/** What a load moved: requests or MiB. */
export interface Moved {
  readonly units: number;
  readonly failed: number;
}

/** GETs by HTTP/2 with prior knowledge, so many at a time on each connection. */
export async function h2load(path: string, connections: number, streams: number, seconds: number): Promise<Moved> {
  const addr = `http://${server.ip}:${http2Port}${path}`;
  const argv = ["h2load", "-t1", `-c${connections}`, `-m${streams}`, `-D${seconds}`, addr];
  const text = await run(argv, client.namespace);
  // Those that were under way at the end are neither.
  const counts = /(\d+) succeeded, (\d+) failed, (\d+) errored/.exec(text);
  const units = Number(/status codes: (\d+) 2xx/.exec(text)?.[1] ?? 0);
  if (units === 0) throw new Error(`h2load made no request:\n${text}`);
  const bad = [.../(\d+) 3xx, (\d+) 4xx, (\d+) 5xx/.exec(text)!].slice(1);
  const failed = [...bad, counts?.[2] ?? 0, counts?.[3] ?? 0].reduce((sum: number, count) => sum + Number(count), 0);
  return { units, failed };
}

/** Unary calls of grpc-go with a trace, a request id and a timeout of their own. */
export async function grpcCalls(
  program: string,
  connections: number,
  streams: number,
  seconds: number,
): Promise<Moved> {
  const argv = [program, "grpc", `${server.ip}:${grpcPort}`, String(connections), String(streams), String(seconds)];
  return JSON.parse(await run(argv, client.namespace)) as Moved;
}

/** Bytes over raw TCP, half of the connections each way; MiB. */
export async function bytes(program: string, connections: number, seconds: number): Promise<Moved> {
  const argv = [program, "bytes", `${server.ip}:${echoPort}`, String(connections), String(seconds)];
  return JSON.parse(await run(argv, client.namespace)) as Moved;
}
