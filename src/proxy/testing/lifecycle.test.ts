/** What becomes of connections when a proxy is asked to end, and of long ones while everything around them changes. */
import { describe, expect, test } from "bun:test";
import type { SocketAddr } from "#lib/net/socket.ts";
import type { Wire, WireServer } from "../http/testing/wire.ts";
import { eventually, makeBed } from "./bed.ts";
import type { TestProxy } from "./harness.ts";

const service: SocketAddr = { ip: "10.96.0.50", port: 80 };
const name = "web.ns.svc.cluster.local";
const serverId = "web.ns.serviceaccount.identity.linkerd.cluster.local";
const clientId = "client.ns.serviceaccount.identity.linkerd.cluster.local";
const get = "GET / HTTP/1.1\r\nHost: web\r\n\r\n";
const ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const bed = makeBed();

async function pair(target: SocketAddr): Promise<{ readonly server: TestProxy; readonly from: TestProxy }> {
  const env = { IDENTITY_MIN_REFRESH: "50ms", IDENTITY_MAX_REFRESH: "200ms" };
  const server = await bed.proxy({ identity: serverId, env });
  bed.control.setService(service, name, [{ ...target, identity: serverId, transportPort: server.proxy.inbound.port }]);
  return { server, from: await bed.proxy({ identity: clientId, outboundDst: service, env }) };
}

const refreshes = (of: TestProxy): number =>
  Number(/^control_identity_cert_refreshes_total\S* (\d+)/m.exec(of.metrics())?.[1] ?? 0);

/** New certificates for both, a control plane that was away, and an endpoint that is no longer one. */
async function everythingChanges({ server, from }: Awaited<ReturnType<typeof pair>>): Promise<void> {
  const before = [server, from].map(refreshes);
  expect(Math.min(...before)).toBeGreaterThan(0);
  await eventually(() => [server, from].every((one, index) => refreshes(one) > (before[index] ?? 0)));
  bed.control.stop();
  await Bun.sleep(20);
  bed.control.start();
  bed.control.setEndpoints(`${name}:80`, []);
  await eventually(
    () => from.series("outbound_http_balancer_endpoints", 'endpoint_state="ready"')[0]?.endsWith(" 0") ?? false,
  );
}

describe("a proxy that is asked to end", () => {
  test("says so in the answers to requests under way, closes idle connections and takes no new ones", async () => {
    const server = bed.wireApp();
    const { from } = await pair(server.addr);
    const [busy, idle] = [await bed.wireClient(from), await bed.wireClient(from)];
    idle.send(get);
    const first = await server.next();
    first.send(ok);
    await idle.take("ok");
    busy.send(get);
    await first.take((text) => text.split("\r\n\r\n").length === 3);
    const drained = from.proxy.drain();
    expect(await idle.rest()).toBe("");
    idle.socket.close();
    const late = await bed.wireClient(from).then(
      () => "connected",
      (error: { code: string }) => error.code,
    );
    expect(late).toBe("connection-refused");
    first.send(ok);
    expect(await busy.rest()).toBe(ok.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n"));
    busy.socket.close();
    expect(await drained).toBe(true);
  });

  for (const side of ["from", "server"] as const)
    test(`says GOAWAY on HTTP/2 and finishes what is under way (${side === "from" ? "outbound" : "inbound"})`, async () => {
      const finish: Array<() => void> = [];
      const both = await pair(
        await bed.http2App((stream) => {
          stream.respond({ ":status": 200 });
          finish.push(() => stream.end("late"));
        }),
      );
      const session = bed.http2Client(both.from);
      const left = new Promise<number>((resolve) => session.on("goaway", resolve));
      const stream = session.request({ ":path": "/" });
      let body = "";
      stream.on("data", (chunk: Buffer) => {
        body += chunk.toString();
      });
      const ended = new Promise<void>((resolve) => stream.on("close", resolve));
      await eventually(() => finish.length === 1);
      const drained = both[side].proxy.drain();
      if (side === "from") expect(await left).toBe(0);
      else await Bun.sleep(20);
      for (const end of finish) end();
      await ended;
      expect([body, stream.rstCode, await drained]).toEqual(["late", 0, true]);
    });

  test("waits for a tunnel that is in use", async () => {
    const server = bed.wireApp();
    const { from } = await pair(server.addr);
    const { client, far } = await webSocket(from, server);
    let over = false;
    const drained = from.proxy.drain().then((finished) => {
      over = true;
      return finished;
    });
    client.send("ping");
    expect(await far.take("ping")).toBe("ping");
    expect(over).toBe(false);
    far.socket.close();
    expect(await client.rest()).toBe("");
    client.socket.close();
    expect(await drained).toBe(true);
  });
});

/** A connection that has become a tunnel. */
async function webSocket(from: TestProxy, server: WireServer): Promise<{ readonly client: Wire; readonly far: Wire }> {
  const client = await bed.wireClient(from);
  client.send("GET /chat HTTP/1.1\r\nHost: web\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  const far = await server.next();
  await far.take("\r\n\r\n");
  far.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  await client.take("\r\n\r\n");
  return { client, far };
}

describe("new certificates, a control plane that was away and an endpoint that is taken out leave alone", () => {
  test("an idle WebSocket", async () => {
    const server = bed.wireApp();
    const both = await pair(server.addr);
    const { client, far } = await webSocket(both.from, server);
    await everythingChanges(both);
    client.send("to");
    expect(await far.take("to")).toBe("to");
    far.send("and fro");
    expect(await client.take("fro")).toBe("and fro");
  });

  test("a stream of HTTP/2", async () => {
    const both = await pair(
      await bed.http2App((stream) => {
        stream.respond({ ":status": 200 });
        stream.on("data", (chunk: Buffer) => stream.write(`got ${chunk.toString()}`));
      }),
    );
    const stream = bed.http2Client(both.from).request({ ":method": "POST", ":path": "/" });
    let body = "";
    stream.on("data", (chunk: Buffer) => {
      body += chunk.toString();
    });
    stream.on("error", () => {});
    stream.write("one ");
    await eventually(() => body === "got one ");
    await everythingChanges(both);
    stream.write("two");
    await eventually(() => body === "got one got two");
    expect(stream.closed).toBe(false);
  });
});
