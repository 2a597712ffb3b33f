/** What the HTTP services share: JSON answers, a health check and an end without failed requests. */

export type Handler = (request: Request, url: URL) => Response | Promise<Response>;

/** How long a service goes on serving after SIGTERM, so that clients learn first that it leaves. */
const lingerMs = 6000;

export function json(value: unknown, status = 200): Response {
  return new Response(`${JSON.stringify(value)}\n`, { status, headers: { "content-type": "application/json" } });
}

/** Serves `routes` (by path) on the port; ends the process after a SIGTERM once requests in flight are answered. */
export function serve(port: number, routes: Readonly<Record<string, Handler>>): void {
  const server = Bun.serve({
    port,
    hostname: "0.0.0.0",
    idleTimeout: 120,
    async fetch(request) {
      const url = new URL(request.url);
      if (url.pathname === "/healthz") return new Response("ok\n");
      const handler = routes[url.pathname];
      if (handler === undefined) return json({ error: `no page at ${url.pathname}` }, 404);
      try {
        return await handler(request, url);
      } catch (error) {
        console.error(`${request.method} ${url.pathname}: ${error instanceof Error ? error.message : String(error)}`);
        return json({ error: "an upstream service did not answer" }, 502);
      }
    },
  });
  console.log(`listening on ${server.hostname}:${server.port}`);
  onTerminate(() => server.stop());
}

/** Runs `stop` a moment after SIGTERM or SIGINT and ends the process when it is done. */
export function onTerminate(stop: () => Promise<void> | void): void {
  let stopping = false;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (stopping) return;
      stopping = true;
      setTimeout(async () => {
        await stop();
        process.exit(0);
      }, lingerMs);
    });
  }
}

/** The service's address from the environment, for example EMOJI_HOST=emoji:8080. */
export function hostFrom(variable: string, fallback: string): string {
  return process.env[variable] ?? fallback;
}
