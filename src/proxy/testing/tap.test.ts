/** Tap of a pair of proxies between real sockets, by a client of the mesh. */
import { describe, expect, test } from "bun:test";
import { connect } from "#lib/net/connect.ts";
import type { Socket, SocketAddr } from "#lib/net/socket.ts";
import { createTlsContext } from "#lib/net/tls.ts";
import { certificatePem } from "#lib/x509/certificate.ts";
import { createLeaf, validFor } from "#lib/x509/sign.ts";
import { RpcClient } from "#rpc/client.ts";
import { Tap, type TapEvent } from "#rpc/gen/tap_pb.ts";
import { eventually, makeBed } from "./bed.ts";
import type { TestProxy } from "./harness.ts";

const service: SocketAddr = { ip: "10.96.0.10", port: 80 };
const name = "web.ns.svc.cluster.local";
const clientId = "client.ns.serviceaccount.identity.linkerd.cluster.local";
const serverId = "web.ns.serviceaccount.identity.linkerd.cluster.local";
const tapId = "tap.linkerd-viz.serviceaccount.identity.linkerd.cluster.local";

const bed = makeBed();

async function pair() {
  const target = bed.app(
    (request) => new Response("x".repeat(1000), { status: request.url.endsWith("/bad") ? 503 : 200 }),
  );
  const env = { TAP_SVC_NAME: tapId };
  const server = await bed.proxy({ identity: serverId, env });
  const endpoint = { ...target, identity: serverId, transportPort: server.proxy.inbound.port };
  bed.control.setService(service, name, [{ ...endpoint, labels: { deployment: "web" } }]);
  const client = await bed.proxy({ identity: clientId, outboundDst: service, env });
  return { client, server, target };
}

/** A client of a proxy's tap with this identity. */
function tapper(
  proxy: TestProxy,
  identity: string,
  peer: string,
  onSocket: (socket: Socket) => void = () => {},
): RpcClient {
  const leaf = createLeaf(bed.control.authority, [identity], validFor(Date.now(), 60_000, 60_000));
  const context = createTlsContext({
    certPem: certificatePem(leaf.certificate),
    keyPem: leaf.key.privateKeyPem,
    caPem: bed.control.anchorsPem,
    requestPeer: false,
  });
  const tls = { context, serverName: peer, verify: { identity: peer }, alpn: ["h2"] };
  const addr = proxy.proxy.tap ?? { ip: "127.0.0.1", port: 1 };
  const rpc = new RpcClient({
    authority: "tap",
    connect: (handler) => {
      const onOpen = (socket: Socket): void => {
        onSocket(socket);
        handler.onOpen(socket);
      };
      return connect({ ...addr, timeout: 2000, tls }, { onOpen, onFail: (error) => handler.onFail(error) });
    },
  });
  bed.after(() => rpc.close());
  return rpc;
}

interface Observed {
  readonly events: readonly TapEvent[];
  readonly open: Promise<void>;
  /** The events and the status, when the stream is over. */
  readonly over: Promise<{ events: TapEvent[]; code: number }>;
  readonly cancel: () => void;
}

function observe(rpc: RpcClient, request: { limit: number; match?: object; extract?: object }): Observed {
  const events: TapEvent[] = [];
  const open = Promise.withResolvers<void>();
  const over = Promise.withResolvers<{ events: TapEvent[]; code: number }>();
  const call = rpc.serverStream(Tap.method.observe, request as never, {
    onOpen: () => open.resolve(),
    onMessage: (event) => void events.push(event),
    onEnd: ({ code }) => {
      open.resolve();
      over.resolve({ events, code });
    },
  });
  return { events, open: open.promise, over: over.promise, cancel: () => call.cancel() };
}

const http = (event: TapEvent | undefined) => event?.event.value?.event;

describe("Tap", () => {
  test("shows a request on both sides, with the peer's identity, and ends at its limit", async () => {
    const { client, server, target } = await pair();
    const inbound = observe(tapper(server, tapId, serverId), { limit: 1 });
    const outbound = observe(tapper(client, tapId, clientId), {
      limit: 1,
      match: { match: { case: "destinationLabel", value: { key: "deployment", value: "web" } } },
      extract: { extract: { case: "http", value: { extract: { case: "headers", value: {} } } } },
    });
    await Promise.all([inbound.open, outbound.open]);
    await (
      await fetch(`${client.outboundUrl}/a?b=1`, { method: "POST", body: "hello", headers: { "x-a": "b" } })
    ).text();
    const [seenIn, seenOut] = await Promise.all([inbound.over, outbound.over]);

    expect([seenIn.code, seenOut.code]).toEqual([0, 0]);
    expect(seenIn.events.map((event) => http(event)?.case)).toEqual(["requestInit", "responseInit", "responseEnd"]);
    const [init, head, end] = seenIn.events;
    expect(init?.proxyDirection).toBe(1);
    expect(init?.sourceMeta?.labels).toEqual({ tls: "true", client_id: clientId });
    expect(init?.destination?.port).toBe(target.port);
    expect(init?.routeMeta?.labels).toEqual({ route_group: "", route_kind: "default", route_name: "default" });
    expect(http(init)?.value).toMatchObject({
      authority: new URL(client.outboundUrl).host,
      path: "/a?b=1",
      method: { type: { case: "registered", value: 1 } },
    });
    expect(http(init)?.value).not.toHaveProperty("headers.headers");
    expect(http(head)?.value).toMatchObject({ httpStatus: 200 });
    expect(http(end)?.value).toMatchObject({ responseBytes: 1000n });

    expect(seenOut.events.length).toBe(3);
    expect(seenOut.events[0]?.proxyDirection).toBe(2);
    expect(seenOut.events[0]?.destinationMeta?.labels).toMatchObject({
      deployment: "web",
      tls: "true",
      server_id: serverId,
    });
    const value = http(seenOut.events[0])?.value as {
      headers?: { headers: Array<{ name: string; value: Uint8Array }> };
    };
    expect(value.headers?.headers.find((field) => field.name === "x-a")?.value).toEqual(
      new Uint8Array(Buffer.from("b")),
    );
  });

  test("shows what matches only, and nothing of a request once its observer is gone", async () => {
    const { client, server } = await pair();
    const path = (prefix: string) => ({
      match: { case: "http", value: { match: { case: "path", value: { match: { case: "prefix", value: prefix } } } } },
    });
    const rpc = tapper(server, tapId, serverId);
    const some = observe(rpc, { limit: 1, match: path("/b") });
    const none = observe(rpc, { limit: 1, match: path("/c") });
    await Promise.all([some.open, none.open]);
    await fetch(`${client.outboundUrl}/a`);
    await fetch(`${client.outboundUrl}/bad`);
    const { events } = await some.over;
    expect(http(events[1])?.value).toMatchObject({ httpStatus: 503 });
    expect(none.events).toEqual([]);
    none.cancel();
    await eventually(() => server.metrics().includes("tap_observers 0\n"));
    await fetch(`${client.outboundUrl}/c`);
    expect(none.events).toEqual([]);
    expect(server.metrics()).toContain("tap_observers 0\n");
  });

  test("is refused to everybody else of the mesh, to clients without a certificate, and when nothing is asked for", async () => {
    const { server } = await pair();
    expect((await observe(tapper(server, clientId, serverId), { limit: 1 }).over).code).toBe(14);
    expect((await observe(tapper(server, tapId, serverId), { limit: 0 }).over).code).toBe(3);
    const plain = new RpcClient({
      authority: "tap",
      connect: (handler) => connect({ ...server.proxy.tap!, timeout: 2000 }, handler),
    });
    bed.after(() => plain.close());
    expect((await observe(plain, { limit: 1 }).over).code).toBe(14);
  });

  test("never holds traffic up for an observer that stops reading: it is shown less, and that is counted", async () => {
    const { client, server } = await pair();
    const sockets: Socket[] = [];
    const rpc = tapper(server, tapId, serverId, (socket) => sockets.push(socket));
    const seen = observe(rpc, { limit: 1_000_000 });
    await seen.open;
    sockets[0]?.pause();
    const path = `/${"x".repeat(2000)}`;
    for (let round = 0; round < 30; round++) {
      const answers = await Promise.all(Array.from({ length: 20 }, () => fetch(`${client.outboundUrl}${path}`)));
      expect(answers.every(({ status }) => status === 200)).toBe(true);
      await Promise.all(answers.map((answer) => answer.text()));
    }
    const [left] = server.metrics().match(/tap_requests_dropped_total \d+/) ?? [];
    expect(Number(left?.split(" ")[1])).toBeGreaterThan(100);
    sockets[0]?.resume();
    await (await fetch(client.outboundUrl)).text();
    await eventually(() => http(seen.events.at(-1))?.case === "responseEnd");
    expect(http(seen.events.at(-1))?.case).toBe("responseEnd");
    seen.cancel();
  });

  test("has no port where nobody may", async () => {
    const proxy = await bed.proxy({ identity: serverId });
    expect(proxy.proxy.tap).toBeNull();
  });
});
