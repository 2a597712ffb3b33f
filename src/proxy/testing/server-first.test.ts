/** Servers that speak first, on ports that nobody declared, through whole proxies. */
import { describe, expect, test } from "bun:test";
import type { SocketAddr } from "#lib/net/socket.ts";
import { http2Get } from "../http/testing/wire.ts";
import { makeBed } from "./bed.ts";
import type { TestProxy } from "./harness.ts";

const service: SocketAddr = { ip: "10.96.0.10", port: 3307 };
const name = "db.ns.svc.cluster.local";
const clientId = "client.ns.serviceaccount.identity.linkerd.cluster.local";
const serverId = "db.ns.serviceaccount.identity.linkerd.cluster.local";
const get = "GET /a HTTP/1.1\r\nHost: web\r\n\r\n";
const ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
/** What a server of HTTP/2 may say before it has heard anything: empty SETTINGS. */
const settings = "\0\0\0\x04\0\0\0\0\0";
/** An undeclared port took 10 s, Linkerd's timeout of detection. This is far from it also on a busy machine. */
const soon = 3_000;

const bed = makeBed();

async function outbound(server: SocketAddr, identity = false): Promise<TestProxy> {
  if (!identity) {
    bed.control.setService(service, name, [server]);
    return await bed.proxy({ outboundDst: service });
  }
  const peer = await bed.proxy({ identity: serverId });
  bed.control.setService(service, name, [{ ...server, identity: serverId, transportPort: peer.proxy.inbound.port }]);
  return await bed.proxy({ identity: clientId, outboundDst: service });
}

describe("a server that speaks first", () => {
  for (const meshed of [false, true]) {
    test(`is heard at once ${meshed ? "through a pair of proxies" : "in plaintext"}, and its clients after it`, async () => {
      const server = bed.wireApp();
      const out = await outbound(server.addr, meshed);
      for (let round = 0; round < 3; round++) {
        const start = performance.now();
        const wire = await bed.wireClient(out);
        const far = await server.next();
        far.send("220 ready\r\n");
        expect(await wire.take("\n")).toBe("220 ready\r\n");
        expect(performance.now() - start).toBeLessThan(soon);
        wire.send("QUIT\r\n");
        expect(await far.take("\n")).toBe("QUIT\r\n");
        far.socket.close();
        expect(await wire.rest()).toBe("");
      }
      expect(server.accepted).toBe(3);
      expect(out.series("outbound_tcp_detect_http_results_total", 'result="server_first"')[0]).toEndWith(" 3");
      expect(out.series("outbound_tcp_l7_lost_total", 'reason="server_first"')[0]).toEndWith(" 3");
      expect(out.lines.filter((line) => line.includes("requests in it are not seen"))).toHaveLength(1);
    });
  }

  test("is heard by plaintext clients from outside", async () => {
    const server = bed.wireApp();
    const inbound = await bed.proxy({ inboundDst: server.addr });
    const wire = await bed.wireClient(inbound, "inbound");
    (await server.next()).send("220 ready\r\n");
    expect(await wire.take("\n")).toBe("220 ready\r\n");
    expect(inbound.series("inbound_tcp_l7_lost_total", 'reason="server_first"')[0]).toEndWith(" 1");
    expect(inbound.series("tcp_open_total", 'peer="src"')[0]).toEndWith(" 1");
  });

  test("is not asked for a client that may not hear it", async () => {
    const server = bed.wireApp();
    const inbound = await bed.proxy({ inboundDst: server.addr, env: { INBOUND_DEFAULT_POLICY: "deny" } });
    const wire = await bed.wireClient(inbound, "inbound");
    await Bun.sleep(60);
    expect([server.accepted, wire.socket.closed]).toEqual([0, false]);
    wire.send(get);
    expect(await wire.take("\r\n\r\n")).toContain("403");
    expect(inbound.series("inbound_tcp_authz_deny_total")[0]).toEndWith(" 1");
  });

  test("that closes without a word closes its client", async () => {
    const server = bed.wireApp();
    const out = await outbound(server.addr);
    const wire = await bed.wireClient(out);
    (await server.next()).socket.close();
    expect(await wire.rest()).toBe("");
  });
});

describe("a client that was silent at first", () => {
  for (const side of ["outbound", "inbound"] as const) {
    test(`and then sends a request is one of HTTP all the same (${side})`, async () => {
      const server = bed.wireApp();
      const through = side === "outbound" ? await outbound(server.addr) : await bed.proxy({ inboundDst: server.addr });
      const wire = await bed.wireClient(through, side);
      const listening = await server.next();
      wire.send(get);
      const asked = await server.next();
      expect(await asked.take("\r\n\r\n")).toContain("GET /a");
      asked.send(ok);
      expect(await wire.take("ok")).toBe(ok);
      expect(await listening.rest()).toBe("");
      expect(through.series("request_total", `direction="${side}"`)[0]).toEndWith(" 1");
      expect(through.series(`${side}_tcp_l7_lost_total`)).toEqual([]);
      expect(through.series("tcp_open_total", `direction="${side}"`, 'peer="src"')[0]).toEndWith(" 1");
    });

    test(`does not pass as bytes where a server of HTTP/2 spoke before it (${side})`, async () => {
      const server = bed.wireApp();
      const through = side === "outbound" ? await outbound(server.addr) : await bed.proxy({ inboundDst: server.addr });
      const wire = await bed.wireClient(through, side);
      const listening = await server.next();
      listening.send(settings.slice(0, 4));
      await Bun.sleep(5);
      listening.send(settings.slice(4));
      await Bun.sleep(20);
      wire.send(http2Get);
      const asked = await server.next();
      expect(await asked.take("web")).toStartWith("PRI * HTTP/2.0");
      expect(through.series(`${side}_tcp_detect_http_results_total`, 'result="http/2"')[0]).toEndWith(" 1");
      expect(await listening.rest()).toBe("");
    });
  }

  test("hears that it took too long, and nothing of what it says afterwards gets through", async () => {
    const server = bed.wireApp();
    const wire = await bed.wireClient(await outbound(server.addr));
    const late = await server.next();
    late.send("HTTP/1.1 408 Request Timeout\r\nconnection: close\r\n\r\n");
    late.socket.shutdown();
    expect(await wire.rest()).toStartWith("HTTP/1.1 408");
    wire.socket.write(Buffer.from(get), 0, get.length);
    expect(await late.rest()).toBe("");
  });

  test("and then speaks something else has its bytes passed on by the connection that was made", async () => {
    const server = bed.wireApp();
    const wire = await bed.wireClient(await outbound(server.addr, true));
    const far = await server.next();
    wire.send("\0\x01hello");
    expect(await far.take("hello")).toBe("\0\x01hello");
    far.send("\0\x02");
    expect(await wire.take("\x02")).toBe("\0\x02");
    expect(server.accepted).toBe(1);
  });
});
