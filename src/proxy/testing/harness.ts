/**
 * A whole proxy in the test's own process, on free ports and without redirection: the test says where accepted
 * connections wanted to go.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock, type Clock } from "#lib/clock.ts";
import { parseLevelFilter, type LogSink } from "#lib/log.ts";
import { text } from "#lib/metrics/text.ts";
import type { SocketAddr } from "#lib/net/socket.ts";
import { systemRandom } from "#lib/random.ts";
import { startProxy, type Proxy } from "../app.ts";
import { readConfig } from "../config.ts";
import { startTap } from "../tap/tap-server.ts";
import { startTracing } from "../tracing/tracing.ts";
import type { FakeControlPlane } from "./fake-control-plane.ts";

export interface TestProxyOptions {
  readonly control: FakeControlPlane;
  /** Identity name; without one there is no mutual TLS. */
  readonly identity?: string;
  /** Where outbound connections want to go. */
  readonly outboundDst?: SocketAddr;
  /** Where redirected inbound connections want to go; without one they are to the proxy's own port. */
  readonly inboundDst?: SocketAddr;
  /** The identity directory, of a pod whose container is started again. Default: a new one, removed by `close`. */
  readonly dir?: string;
  /** Default: the system's. */
  readonly clock?: Clock;
  /** More settings, without LINKERD2_PROXY_. */
  readonly env?: Readonly<Record<string, string>>;
}

export class TestProxy {
  readonly proxy: Proxy;
  readonly lines: string[] = [];
  private readonly dir: string;
  private readonly ownDir: boolean;

  constructor(options: TestProxyOptions) {
    const { control } = options;
    this.ownDir = options.dir === undefined;
    this.dir = options.dir ?? mkdtempSync(join(tmpdir(), "linkerd-proxy-"));
    const token = join(this.dir, "token");
    writeFileSync(token, "token");
    const addr = `localhost.:${control.addr.port}`;
    const settings: Record<string, string> = {
      LOG: "debug",
      INBOUND_LISTEN_ADDR: "127.0.0.1:0",
      OUTBOUND_LISTEN_ADDR: "127.0.0.1:0",
      ADMIN_LISTEN_ADDR: "127.0.0.1:0",
      CONTROL_LISTEN_ADDR: "127.0.0.1:0",
      DESTINATION_SVC_ADDR: addr,
      POLICY_SVC_ADDR: addr,
      // On a busy machine a process may stand still for longer than the usual limits: what is there is waited for.
      DESTINATION_PROFILE_INITIAL_TIMEOUT: "20s",
      INBOUND_CONNECT_TIMEOUT: "20s",
      OUTBOUND_CONNECT_TIMEOUT: "20s",
      CONTROL_CONNECT_TIMEOUT: "20s",
      ...(options.identity === undefined
        ? {}
        : {
            IDENTITY_SVC_ADDR: addr,
            IDENTITY_DIR: this.dir,
            IDENTITY_TOKEN_FILE: token,
            IDENTITY_TRUST_ANCHORS: control.anchorsPem,
            IDENTITY_LOCAL_NAME: options.identity,
          }),
      ...options.env,
    };
    const env = Object.fromEntries(Object.entries(settings).map(([name, value]) => [`LINKERD2_PROXY_${name}`, value]));
    const sink: LogSink = {
      filter: parseLevelFilter("debug"),
      format: "plain",
      write: (line) => this.lines.push(line),
      wall: () => Date.now(),
    };
    this.proxy = startProxy(readConfig(env), {
      startTap,
      startTracing,
      clock: options.clock ?? systemClock,
      random: systemRandom,
      sink,
      env,
      maxConnections: 1000,
      originalDst: { inbound: () => options.inboundDst ?? null, outbound: () => options.outboundDst ?? null },
    });
  }

  /** Resolves when it is ready; rejects after 20 s with its log. */
  async ready(): Promise<this> {
    const end = Date.now() + 20_000;
    while (this.proxy.notReady().length > 0) {
      if (Date.now() > end) throw new Error(`Not ready: ${this.proxy.notReady().join()}\n${this.lines.join("\n")}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return this;
  }

  get outboundUrl(): string {
    return `http://127.0.0.1:${this.proxy.outbound[0]?.port}`;
  }

  get inboundUrl(): string {
    return `http://127.0.0.1:${this.proxy.inbound.port}`;
  }

  get adminUrl(): string {
    return `http://127.0.0.1:${this.proxy.admin.port}`;
  }

  metrics(): string {
    return text(this.proxy.registry);
  }

  /** The series of a family whose labels contain all of these parts. */
  series(family: string, ...parts: string[]): string[] {
    return this.metrics()
      .split("\n")
      .filter((line) => line.startsWith(`${family}{`) && parts.every((part) => line.includes(part)));
  }

  close(): void {
    this.proxy.close();
    if (this.ownDir) rmSync(this.dir, { recursive: true, force: true });
  }
}
