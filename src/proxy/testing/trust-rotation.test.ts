/** The mesh's trust changes under a pair of proxies with traffic: issuer, then anchors, then a restart. */
import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memoryLog } from "#lib/log.ts";
import { certificatePem } from "#lib/x509/certificate.ts";
import { createIssuer, createRoot, validFor, type Authority } from "#lib/x509/sign.ts";
import { dial, WireServer } from "../http/testing/wire.ts";
import { FakeControlPlane } from "./fake-control-plane.ts";
import { TestProxy } from "./harness.ts";

const hour = 3_600_000;
const account = (name: string): string => `${name}.ns.serviceaccount.identity.linkerd.cluster.local`;
const service = { ip: "10.96.0.7", port: 80 };
const opaque = { ip: "10.96.0.8", port: 6379 };
const closing: Array<() => void> = [];
afterEach(() => {
  for (const close of closing.splice(0).toReversed()) close();
});

// Names that are the same, as tools make them by default: only keys tell them apart.
const root = (): Authority => createRoot("root.test", validFor(Date.now(), hour, 60_000));
const issuerOf = (authority: Authority): Authority =>
  createIssuer(authority, "issuer.test", validFor(Date.now(), hour, 60_000));

async function eventually(what: () => boolean, message: string): Promise<void> {
  const end = Date.now() + 20_000;
  while (!what()) {
    if (Date.now() > end) throw new Error(`In vain: ${message}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A server and a client of it, a connection that stays open, and an identity service that proves who it is. */
class Mesh {
  readonly identity: FakeControlPlane;
  readonly control: FakeControlPlane;
  readonly dir = mkdtempSync(join(tmpdir(), "rotation-"));
  readonly all: TestProxy[] = [];
  readonly failures: string[] = [];
  requests = 0;
  private readonly env: Record<string, string>;
  private running = true;
  private loads: Array<Promise<void>> = [];
  private client: TestProxy | null = null;
  private readonly appPort: number;

  constructor(anchor: Authority, env: Record<string, string>) {
    this.identity = new FakeControlPlane(memoryLog().log, anchor);
    this.identity.setIssuer(issuerOf(anchor));
    this.identity.tlsName = account("linkerd-identity");
    this.identity.start();
    this.control = new FakeControlPlane(memoryLog().log, anchor);
    this.control.start();
    const app = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("ok") });
    this.appPort = app.port ?? 0;
    // Its own address, but not by a name that says so: then it must prove who it is.
    const svc = {
      IDENTITY_SVC_ADDR: `0.0.0.0:${this.identity.addr.port}`,
      IDENTITY_SVC_NAME: account("linkerd-identity"),
    };
    // No connection is kept: every request is a handshake with the credentials of the moment.
    this.env = { ...svc, OUTBOUND_MAX_IDLE_CONNS_PER_ENDPOINT: "0", ...env };
    closing.push(() => {
      this.running = false;
      this.identity.stop();
      this.control.stop();
      void app.stop(true);
      rmSync(this.dir, { recursive: true, force: true });
    });
  }

  async start(options: Partial<ConstructorParameters<typeof TestProxy>[0]>): Promise<TestProxy> {
    const proxy = new TestProxy({ control: this.control, ...options, env: { ...this.env, ...options.env } });
    closing.push(() => proxy.close());
    await proxy.ready();
    this.all.push(proxy);
    return proxy;
  }

  async startServer(env: Record<string, string> = {}): Promise<TestProxy> {
    const server = await this.start({ identity: account("web"), dir: this.dir, env });
    const transportPort = server.proxy.inbound.port;
    const endpoint = { ip: "127.0.0.1", port: this.appPort, identity: account("web"), transportPort };
    this.control.setService(service, "web.ns.svc.cluster.local", [endpoint]);
    return server;
  }

  /** Requests, three at a time, until `finish`. */
  async startLoad(): Promise<TestProxy> {
    const client = await this.start({ identity: account("client"), outboundDst: service });
    this.client = client;
    const load = async (): Promise<void> => {
      while (this.running) {
        const response = await fetch(client.outboundUrl);
        this.requests++;
        const text = await response.text();
        if (text !== "ok") this.failures.push(`${response.status} ${response.headers.get("l5d-proxy-error")}`);
      }
    };
    this.loads = [load(), load(), load()];
    return client;
  }

  async served(count: number): Promise<void> {
    const target = this.requests + count;
    await eventually(() => this.requests >= target, "requests go through");
  }

  get certified(): number {
    return this.identity.calls.filter((call) => call.startsWith("certify")).length;
  }

  async renewed(): Promise<void> {
    const target = this.certified + 2 * this.all.length;
    await eventually(() => this.certified >= target, "everybody renews");
  }

  async adopted(count: number): Promise<void> {
    const done = (proxy: TestProxy): boolean => {
      const [line] = proxy.series("control_identity_trust_anchor_updates_total", 'result="adopted"');
      return line?.endsWith(` ${count}`) ?? false;
    };
    await eventually(() => this.all.every(done), `everybody adopts bundle ${count}`);
  }

  async finish(): Promise<void> {
    this.running = false;
    await Promise.all(this.loads);
  }

  async ask(): Promise<string> {
    return await (await fetch(this.client?.outboundUrl ?? "")).text();
  }
}

test("issuer and anchors change under traffic without a failed request, and a restarted container comes back", async () => {
  const [a, b] = [root(), root()];
  // Certificates are renewed all the time.
  const mesh = new Mesh(a, { IDENTITY_MAX_REFRESH: "300ms" });
  const server = await mesh.startServer();
  await mesh.startLoad();
  const echo = new WireServer();
  closing.push(() => echo.listener.close());
  const raw = { ip: "127.0.0.1", port: echo.port, identity: account("web"), transportPort: server.proxy.inbound.port };
  mesh.control.setService(opaque, "raw.ns.svc.cluster.local", [raw], { opaque: true });
  const tcpClient = await mesh.start({ identity: account("client"), outboundDst: opaque });
  const stream = await dial(tcpClient.proxy.outbound[0]?.port ?? 0);
  stream.send("first\n");
  const far = await echo.next();
  await far.take("first");
  await mesh.served(20);

  mesh.identity.setIssuer(issuerOf(a));
  await mesh.renewed();
  await mesh.served(20);

  mesh.identity.setAnchors(a, b);
  await mesh.adopted(1);
  expect(server.series("control_identity_trust_anchor_expiration_timestamp_seconds")).toHaveLength(2);
  await mesh.served(20);

  mesh.identity.setIssuer(issuerOf(b));
  await mesh.renewed();
  await mesh.served(20);

  mesh.identity.setAnchors(b);
  await mesh.adopted(2);
  // The identity service itself has a certificate of the new root now, and is met anew.
  mesh.identity.stop();
  mesh.identity.start();
  await mesh.renewed();
  await mesh.served(50);

  await mesh.finish();
  expect(mesh.failures).toEqual([]);
  stream.send("last\n");
  expect(await far.take("last")).toContain("last");
  far.send("bye\n");
  expect(await stream.take("bye")).toContain("bye");

  // The container starts again with the anchors of the pod's making, which nobody uses any more.
  server.close();
  const restarted = await mesh.startServer({ IDENTITY_TRUST_ANCHORS: certificatePem(a.certificate) });
  expect(restarted.lines.join("\n")).toContain("Starting with the trust anchors learned before the restart");
  expect(await mesh.ask()).toBe("ok");
}, 60_000);

test("the old anchor goes before anybody has renewed: everybody does at once, without a failed request", async () => {
  const [a, b] = [root(), root()];
  const mesh = new Mesh(a, {});
  const server = await mesh.startServer();
  await mesh.startLoad();
  await mesh.served(20);
  mesh.identity.setAnchors(a, b);
  await mesh.adopted(1);
  expect(mesh.certified).toBe(2);
  mesh.identity.setIssuer(issuerOf(b));
  mesh.identity.setAnchors(b);
  await mesh.adopted(2);
  expect(mesh.certified).toBe(4);
  expect(server.series("control_identity_trust_anchor_updates_total", 'result="deferred"')[0]).toEndWith(" 1");
  await mesh.served(100);
  await mesh.finish();
  expect(mesh.failures).toEqual([]);
}, 60_000);

test("a control plane that tells no anchors changes nothing", async () => {
  const a = root();
  const plain = new FakeControlPlane(memoryLog().log, a);
  plain.servesAnchors = false;
  plain.start();
  closing.push(() => plain.stop());
  const proxy = new TestProxy({ control: plain, identity: account("web") });
  closing.push(() => proxy.close());
  await proxy.ready();
  await eventually(() => proxy.lines.join("\n").includes("tells no trust anchors"), "the answer comes");
  expect(proxy.series("control_identity_trust_anchor_expiration_timestamp_seconds")).toHaveLength(1);
  expect(proxy.lines.filter((line) => / (WARN|ERROR) /.test(line))).toEqual([]);
});
