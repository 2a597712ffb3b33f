/** The admin server of a program beside the proxy: /ping, /live, /ready and /metrics, for the kubelet and Prometheus. */
import { MeshError } from "./errors.ts";
import type { Registry } from "./metrics/registry.ts";
import { text, textContentType } from "./metrics/text.ts";
import type { ReadonlyWatchable } from "./watchable.ts";

export interface AdminServer {
  readonly port: number;
  stop(): Promise<void>;
}

export function serveAdmin(options: {
  /** "::" takes IPv4 too. */
  readonly ip: string;
  /** 0: any free port. */
  readonly port: number;
  readonly registry: Registry;
  readonly ready: ReadonlyWatchable<boolean>;
}): AdminServer {
  const { ready, registry } = options;
  const answer = (request: Request): Response => {
    if (request.method !== "GET" && request.method !== "HEAD") return new Response("Only GET\n", { status: 405 });
    switch (new URL(request.url).pathname) {
      case "/ping":
        return new Response("pong\n");
      case "/live":
        return new Response("live\n");
      case "/ready":
        return ready.get() ? new Response("ready\n") : new Response("not ready\n", { status: 503 });
      case "/metrics":
        return new Response(text(registry), { headers: { "content-type": textContentType } });
      default:
        return new Response("Not found\n", { status: 404 });
    }
  };
  try {
    const server = Bun.serve({ hostname: options.ip, port: options.port, fetch: answer });
    return { port: server.port ?? options.port, stop: () => server.stop(false) };
  } catch (thrown) {
    throw new MeshError("address-in-use", `Failed to serve metrics and readiness on port ${options.port}`, {
      cause: thrown,
    });
  }
}
