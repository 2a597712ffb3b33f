/** A client's proxy that must send nothing but mutual TLS. */
import { expect, test } from "bun:test";
import type { SocketAddr } from "#lib/net/socket.ts";
import { eventually, makeBed } from "./bed.ts";

const service: SocketAddr = { ip: "10.96.0.32", port: 80 };
const tlsRequiredBy = "ns/mesh-only";
const bed = makeBed();

/** How often its server was asked. */
async function through() {
  let asked = 0;
  const server = bed.app(() => {
    asked++;
    return new Response("ok");
  });
  bed.control.setService(service, "web.ns.svc.cluster.local", [{ ...server, tlsRequiredBy }]);
  const proxy = await bed.proxy({ outboundDst: service });
  return { proxy, server, asked: () => asked };
}

test("it answers 502 at once, every time, says why and counts it", async () => {
  const { proxy, asked } = await through();
  for (let request = 0; request < 3; request++) {
    const start = performance.now();
    const response = await fetch(proxy.outboundUrl);
    expect(response.status).toBe(502);
    expect(response.headers.get("l5d-proxy-error")).toContain(
      'has no mesh identity, and MeshTLSRequirement "ns/mesh-only" asks for one',
    );
    expect(performance.now() - start).toBeLessThan(1000);
  }
  expect(asked()).toBe(0);
  const [series = ""] = proxy.series("outbound_http_errors_total", 'error="identity required"');
  expect(series).toEndWith(" 3");
});

test("it answers gRPC with UNAVAILABLE", async () => {
  const { proxy, asked } = await through();
  const stream = bed
    .http2Client(proxy)
    .request({ ":method": "POST", ":path": "/s/M", "content-type": "application/grpc" });
  const fields = await new Promise<Record<string, unknown>>((resolve) => {
    stream.on("response", resolve);
    stream.end();
  });
  expect([fields[":status"], fields["grpc-status"], asked()]).toEqual([200, "14", 0]);
});

test("it ends a connection of bytes before a byte is sent, and counts it", async () => {
  const server = bed.wireApp();
  bed.control.setService(service, "web.ns.svc.cluster.local", [{ ...server.addr, tlsRequiredBy }]);
  const proxy = await bed.proxy({ outboundDst: service });
  const client = await bed.wireClient(proxy);
  client.send("\u0001 these are no words of HTTP \r\n\r\n");
  await client.rest();
  expect(proxy.series("outbound_tcp_errors_total", 'error="identity required"')).toHaveLength(1);
  expect(server.accepted).toBe(0);
});

test("it takes other endpoints where there are some, and plaintext again when nobody forbids it", async () => {
  const { proxy, server, asked } = await through();
  expect((await fetch(proxy.outboundUrl)).status).toBe(502);
  const other = bed.app(() => new Response("other"));
  bed.control.setService(service, "web.ns.svc.cluster.local", [{ ...server, tlsRequiredBy }, other]);
  await eventually(async () => (await fetch(proxy.outboundUrl)).status === 200);
  for (let request = 0; request < 20; request++) expect(await (await fetch(proxy.outboundUrl)).text()).toBe("other");
  expect(asked()).toBe(0);
  bed.control.setService(service, "web.ns.svc.cluster.local", [server]);
  await eventually(async () => (await (await fetch(proxy.outboundUrl)).text()) === "ok");
});

test("a connection that was open in plaintext is used no more once it is forbidden", async () => {
  const server = bed.app(() => new Response("ok"));
  bed.control.setService(service, "web.ns.svc.cluster.local", [server]);
  const proxy = await bed.proxy({ outboundDst: service });
  expect((await fetch(proxy.outboundUrl)).status).toBe(200);
  bed.control.setService(service, "web.ns.svc.cluster.local", [{ ...server, tlsRequiredBy }]);
  await eventually(async () => (await fetch(proxy.outboundUrl)).status === 502);
});
