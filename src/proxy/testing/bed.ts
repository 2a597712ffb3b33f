/**
 * What a test of whole proxies stands on: a control plane, proxies, applications and clients. All that is opened by it is
 * closed after the test.
 */
import { afterEach, beforeEach } from "bun:test";
import { connect, createServer, type ClientHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { memoryLog } from "#lib/log.ts";
import type { SocketAddr } from "#lib/net/socket.ts";
import { dial, WireServer, type Wire } from "../http/testing/wire.ts";
import { FakeControlPlane } from "./fake-control-plane.ts";
import { TestProxy, type TestProxyOptions } from "./harness.ts";

export type ProxyOptions = Omit<TestProxyOptions, "control">;
export type Headers = Record<string, string | string[] | number | undefined>;

export class Bed {
  /** Of the test that runs, a new one for each. */
  control = new FakeControlPlane(memoryLog().log);
  private readonly closing: Array<() => void> = [];

  /** Runs after the test; what came last, first. */
  after(close: () => void): void {
    this.closing.push(close);
  }

  close(): void {
    for (const close of this.closing.splice(0).toReversed()) close();
    this.control.stop();
  }

  /** A proxy that may not be ready yet. */
  started(options: ProxyOptions): TestProxy {
    const proxy = new TestProxy({ control: this.control, ...options });
    this.after(() => proxy.close());
    return proxy;
  }

  /** A proxy that is ready. */
  proxy(options: ProxyOptions): Promise<TestProxy> {
    return this.started(options).ready();
  }

  /** An application that speaks HTTP/1. It never ends a connection by itself, however long it is silent. */
  app(handler: (request: Request) => Response | Promise<Response>): SocketAddr {
    const server = Bun.serve({ hostname: "127.0.0.1", port: 0, idleTimeout: 0, fetch: handler });
    this.after(() => void server.stop(true));
    return { ip: "127.0.0.1", port: server.port ?? 0 };
  }

  /** An application that speaks HTTP/2 without TLS. */
  async http2App(handler: (stream: ServerHttp2Stream, headers: Headers) => void): Promise<SocketAddr> {
    const server = createServer();
    const sessions = new Set<{ destroy(): void }>();
    server.on("session", (session) => sessions.add(session));
    server.on("stream", (stream, headers) => {
      stream.on("error", () => {});
      handler(stream as ServerHttp2Stream, headers as Headers);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    this.after(() => {
      for (const session of sessions) session.destroy();
      server.close();
    });
    return { ip: "127.0.0.1", port: (server.address() as AddressInfo).port };
  }

  /** An HTTP/2 connection of a proxy's application. */
  http2Client(through: TestProxy): ClientHttp2Session {
    const session = connect(through.outboundUrl);
    session.on("error", () => {});
    this.after(() => session.destroy());
    return session;
  }

  /** An application whose bytes the test writes. */
  wireApp(): WireServer & { readonly addr: SocketAddr } {
    const server = new WireServer();
    this.after(() => server.listener.close());
    return Object.assign(server, { addr: { ip: "127.0.0.1", port: server.port } });
  }

  /** A client whose bytes the test writes. */
  async wireClient(through: TestProxy, side: "outbound" | "inbound" = "outbound"): Promise<Wire> {
    const { outbound, inbound } = through.proxy;
    const wire = await dial((side === "outbound" ? outbound[0]?.port : inbound.port) ?? 0);
    this.after(() => wire.socket.terminate());
    return wire;
  }
}

/** For all tests of a file: one bed, made anew before each of them. */
export function makeBed(): Bed {
  const bed = new Bed();
  beforeEach(() => {
    bed.control = new FakeControlPlane(memoryLog().log);
    bed.control.start();
  });
  afterEach(() => bed.close());
  return bed;
}

/** Waits until it is so; fails after 20 s. */
export async function eventually(
  what: () => boolean | Promise<boolean>,
  message = "It did not come to be",
): Promise<void> {
  const end = performance.now() + 20_000;
  while (!(await what())) {
    if (performance.now() > end) throw new Error(message);
    await Bun.sleep(5);
  }
}
