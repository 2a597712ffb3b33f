/** What the admin port answers. */
import { MeshError } from "#lib/errors.ts";
import { parseLevelFilter, type LogSink } from "#lib/log.ts";
import type { Registry } from "#lib/metrics/registry.ts";
import { MetricsMerge } from "#lib/metrics/merge.ts";
import { chunksInTurns, textContentType, textInTurns } from "#lib/metrics/text.ts";
import { header } from "#wire/http1/head.ts";
import { text, type AdminHandler, type AdminRequest, type AdminResponse } from "./http-server.ts";

export interface AdminRoutesOptions {
  readonly registry: Registry;
  readonly sink: LogSink;
  /** The filter as it was given, for GET /proxy-log-level. */
  readonly logFilter: string;
  /** What is still missing before the proxy can serve; empty means ready. */
  readonly notReady: () => readonly string[];
  /** Other processes of this proxy; null: there are none. */
  readonly siblings: AdminSiblings | null;
  /** Starts the drain; null: POST /shutdown is not offered. */
  readonly shutdown: (() => void) | null;
  /** Our settings as the environment has them; secrets never come by it. */
  readonly env: () => Readonly<Record<string, string>>;
}

/** The processes that carry traffic besides this one. */
export interface AdminSiblings {
  /** Their metrics as texts; rejects when one does not answer. */
  metrics(): Promise<readonly string[]>;
  /** What they miss before they can serve. */
  missing(): Promise<readonly string[]>;
  setLogFilter(filter: string): Promise<void>;
}

/** Lines that are rendered before others get a turn: under a millisecond. */
const linesPerTurn = 250;

/** Up to here a body is compressed at once (4 ms), longer ones by another thread: that needs node:zlib, 2 MB of private memory. */
const compressedAtOnce = 524_288;

async function compress(parts: readonly Buffer<ArrayBuffer>[], length: number): Promise<readonly Uint8Array[]> {
  if (length <= compressedAtOnce) return [Bun.gzipSync(Buffer.concat(parts), { level: 1 })];
  const { createGzip } = await import("node:zlib");
  return await new Promise((resolve, reject) => {
    const packed: Buffer[] = [];
    const gzip = createGzip({ level: 1, chunkSize: 65_536 });
    gzip.on("data", (chunk: Buffer) => void packed.push(chunk));
    gzip.on("end", () => resolve(packed));
    gzip.on("error", reject);
    for (const part of parts) gzip.write(part);
    gzip.end();
  });
}

export function adminRoutes(options: AdminRoutesOptions): AdminHandler {
  let logFilter = options.logFilter;
  return (request) => {
    const { method } = request.head;
    const reads = method === "GET" || method === "HEAD";
    switch (request.path) {
      case "/metrics":
        return reads ? metrics(options.registry, options.siblings, request) : notAllowed("GET");
      case "/live":
        return reads ? text(200, "live") : notAllowed("GET");
      case "/ready": {
        if (!reads) return notAllowed("GET");
        const missing = options.notReady();
        if (options.siblings === null) return readiness(missing);
        return options.siblings.missing().then((more) => readiness([...missing, ...more]));
      }
      case "/env.json":
        return reads ? json(options.env()) : notAllowed("GET");
      case "/proxy-log-level": {
        if (!isLoopback(request.client)) return text(403, "Only from this pod itself");
        if (reads) return text(200, logFilter);
        if (method !== "PUT" && method !== "POST") return notAllowed("GET, PUT");
        const wanted = request.body.toString("utf8").trim();
        const invalid: string[] = [];
        const filter = parseLevelFilter(wanted, (part) => invalid.push(part));
        if (wanted === "" || invalid.length > 0) return text(400, `Not a log filter: "${invalid.join(",")}"`);
        options.sink.filter = filter;
        logFilter = wanted;
        if (options.siblings !== null)
          return options.siblings.setLogFilter(wanted).then(
            () => ({ status: 204, contentType: "text/plain", body: "" }),
            (error: Error) => text(503, error.message),
          );
        return { status: 204, contentType: "text/plain", body: "" };
      }
      case "/shutdown":
        if (options.shutdown === null) return text(404, "Not found");
        if (!isLoopback(request.client)) return text(403, "Only from this pod itself");
        if (method !== "POST") return notAllowed("POST");
        options.shutdown();
        return text(200, "shutdown");
      default:
        return text(404, "Not found");
    }
  };
}

function readiness(missing: readonly string[]): AdminResponse {
  return missing.length === 0 ? text(200, "ready") : text(503, `not ready: ${missing.join(", ")}`);
}

/** Each part is made bytes in its own turn: all of them at once would take as long as a hundred requests. */
async function ownMetrics(registry: Registry): Promise<readonly Buffer<ArrayBuffer>[]> {
  const parts: Buffer<ArrayBuffer>[] = [];
  for await (const part of chunksInTurns(registry, linesPerTurn)) parts.push(Buffer.from(part));
  return parts;
}

/** Adds up what all processes say. */
async function joinedMetrics(registry: Registry, siblings: AdminSiblings): Promise<readonly Buffer<ArrayBuffer>[]> {
  const merge = new MetricsMerge();
  const own = await textInTurns(registry, linesPerTurn);
  for (const one of [own, ...(await siblings.metrics())]) {
    merge.add(one);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return [Buffer.from(merge.text())];
}

async function metrics(
  registry: Registry,
  siblings: AdminSiblings | null,
  { head }: AdminRequest,
): Promise<AdminResponse> {
  let parts: readonly Buffer<ArrayBuffer>[];
  try {
    parts = siblings === null ? await ownMetrics(registry) : await joinedMetrics(registry, siblings);
  } catch (error) {
    if (!(error instanceof MeshError)) throw error;
    // A sum without one of them would be taken for a restart of everything.
    return text(503, error.message);
  }
  const accepts = /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/i.test(header(head.headers, "accept-encoding") ?? "");
  if (!accepts) return { status: 200, contentType: textContentType, body: parts };
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const packed = await compress(parts, length);
  return { status: 200, contentType: textContentType, body: packed, headers: ["content-encoding", "gzip"] };
}

function json(value: unknown): AdminResponse {
  return { status: 200, contentType: "application/json", body: `${JSON.stringify(value)}\n` };
}

function notAllowed(allow: string): AdminResponse {
  return { ...text(405, `Use ${allow}`), headers: ["allow", allow] };
}

function isLoopback(ip: string): boolean {
  return ip.startsWith("127.") || ip === "::1";
}
