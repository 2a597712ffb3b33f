/** An API server behind HTTPS on a free port of loopback, with the token "admin" for an administrator. */
import type { ApiOptions } from "../app.ts";
import type { ApiListener } from "../http/server.ts";
import { testCredentials } from "./credentials.ts";
import { createFixture } from "./fixture.ts";
import type { Fixture } from "./fixture.ts";

export interface ServerFixture extends Fixture {
  readonly listener: ApiListener;
  readonly caPem: string;
  /** fetch of a path as the administrator unless `init` brings another authorization. */
  request(path: string, init?: RequestInit): Promise<Response>;
}

export async function createServer(options: Partial<ApiOptions> = {}): Promise<ServerFixture> {
  const fixture = await createFixture({
    staticTokens: new Map([["admin", { name: "admin", groups: ["system:masters"] }]]),
    ...options,
  });
  const credentials = testCredentials(["localhost", "127.0.0.1"]);
  const listener = fixture.api.listen({ ip: "127.0.0.1", port: 0 }, credentials);
  return {
    ...fixture,
    listener,
    caPem: credentials.caPem,
    request(path, init = {}) {
      const headers = new Headers(init.headers);
      if (!headers.has("authorization")) headers.set("authorization", "Bearer admin");
      const tls = { ca: credentials.caPem };
      return fetch(`https://127.0.0.1:${listener.port}${path}`, { ...init, headers, tls } as RequestInit);
    },
  };
}
