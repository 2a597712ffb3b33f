/** A proxy that is a gateway for others: by transport header, to a Service's name. */
import { expect, test } from "bun:test";
import type { SocketAddr } from "#lib/net/socket.ts";
import { makeBed } from "./bed.ts";
import type { FakeEndpoint } from "./fake-control-plane.ts";
import type { TestProxy } from "./harness.ts";

const near: SocketAddr = { ip: "10.96.0.60", port: 80 };
const nearName = "web-east.ns.svc.cluster.local";
const farName = "web.ns.svc.cluster.local";
const id = (name: string): string => `${name}.ns.serviceaccount.identity.linkerd.cluster.local`;
const asGateway = { INBOUND_GATEWAY_SUFFIXES: "svc.cluster.local." };
const bed = makeBed();

/** Of the near Service: a gateway that is asked for the far one. */
function through(gateway: TestProxy, authority = `${farName}:80`): FakeEndpoint {
  const { port } = gateway.proxy.inbound;
  return { ip: "127.0.0.1", port, identity: id("gateway"), transportPort: port, authority };
}

/** client → gateway → application; the far name is known to the gateway's control plane. */
async function route(target: SocketAddr, opaque = false, env: Record<string, string> = asGateway) {
  const gateway = await bed.proxy({ identity: id("gateway"), env });
  bed.control.setService({ ip: farName, port: 80 }, farName, [target]);
  bed.control.setService(near, nearName, [through(gateway)], { opaque });
  return { gateway, client: await bed.proxy({ identity: id("client"), outboundDst: near }) };
}

const app = (): SocketAddr => bed.app((request) => Response.json(Object.fromEntries(request.headers)));

test("Requests reach the Service that the gateway is asked for, and tell where they have been", async () => {
  const { gateway, client } = await route(app());
  const response = await fetch(client.outboundUrl);
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({
    host: `${farName}:80`,
    forwarded: `by="${id("gateway")}";for="${id("client")}"`,
  });
  const labels = ['direction="outbound"', `authority="${farName}:80"`];
  expect(gateway.series("request_total", ...labels)[0]).toEndWith(" 1");
  expect(gateway.series("inbound_tcp_transport_header_connections_total", 'session_protocol="http/1"')[0]).toEndWith(
    " 1",
  );
});

test("Bytes do too", async () => {
  const server = bed.wireApp();
  const { client } = await route(server.addr, true);
  const wire = await bed.wireClient(client);
  const far = await server.next();
  far.send("220 ready");
  expect(await wire.take("ready")).toBe("220 ready");
});

test("A name of which nothing is known, one outside of the gateway's domain, and a proxy that is no gateway get nothing", async () => {
  const { client, gateway } = await route(app());
  const refused = async (endpoint: FakeEndpoint): Promise<number> => {
    bed.control.setEndpoints(`${nearName}:80`, [endpoint]);
    await Bun.sleep(50);
    return (await fetch(client.outboundUrl)).status;
  };
  expect(await refused(through(gateway, "unknown.ns.svc.cluster.local:80"))).toBe(502);
  expect(await refused(through(gateway, "web.example:80"))).toBe(502);
  expect(gateway.series("inbound_tcp_errors_total", 'error="gateway domain invalid"')[0]).toEndWith(" 1");
  const plain = await bed.proxy({ identity: id("gateway") });
  expect(await refused(through(plain))).toBe(502);
});

test("A client that the policy of the gateway's own port does not permit is refused", async () => {
  const { client } = await route(app(), false, { ...asGateway, INBOUND_DEFAULT_POLICY: "deny" });
  expect((await fetch(client.outboundUrl)).status).toBe(502);
});

test("A request that comes back to the gateway is answered 508", async () => {
  const { client, gateway } = await route(app());
  // What the gateway takes for the far Service's endpoint is itself.
  bed.control.setEndpoints(`${farName}:80`, [through(gateway)]);
  await Bun.sleep(50);
  expect((await fetch(client.outboundUrl)).status).toBe(508);
});
