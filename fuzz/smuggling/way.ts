/** A way to a server: through a proxy as the server's pod has it, or through that of a client's pod and then it. */
import { memoryLog } from "#lib/log.ts";
import { FakeControlPlane } from "#proxy/testing/fake-control-plane.ts";
import { TestProxy } from "#proxy/testing/harness.ts";
import type { Server } from "./servers.ts";

/** `detect`: the port is declared to speak nothing, so that the proxy looks at the bytes. The others: HTTP/1. */
export type WayKind = "inbound" | "pair" | "detect";

export interface Way {
  readonly name: string;
  readonly kind: WayKind;
  readonly server: Server;
  /** Where clients connect. */
  readonly port: number;
  /** What the proxy in front of the server has counted so far, and the client's when there is one. */
  counted(): { readonly inbound: number; readonly outbound: number | null };
  /** Forgets logs, which grow. */
  tidy(): void;
  stop(): void;
}

const serverId = "web.ns.serviceaccount.identity.linkerd.cluster.local";
const clientId = "client.ns.serviceaccount.identity.linkerd.cluster.local";
const service = { ip: "10.96.0.9", port: 80 };
const anybody = {
  networks: [{ net: { ip: { ip: { case: "ipv4", value: 0 } }, prefixLen: 0 } }],
  authentication: { permit: { case: "unauthenticated", value: {} } },
  metadata: { kind: { case: "default", value: "all-unauthenticated" } },
} as const;

export async function openWay(server: Server, kind: WayKind): Promise<Way> {
  const paired = kind === "pair";
  const control = new FakeControlPlane(memoryLog().log);
  const protocol =
    kind === "detect" ? ({ case: "detect", value: {} } as const) : ({ case: "http1", value: {} } as const);
  control.setPolicy(server.port, { protocol: { kind: protocol }, authorizations: [anybody] });
  control.start();
  const target = { ip: "127.0.0.1", port: server.port };
  const inbound = new TestProxy({
    control,
    env: { INBOUND_PORTS: String(server.port) },
    ...(paired ? { identity: serverId } : { inboundDst: target }),
  });
  await inbound.ready();
  let outbound: TestProxy | null = null;
  if (paired) {
    const endpoint = { ...target, identity: serverId, transportPort: inbound.proxy.inbound.port };
    control.setService(service, "web.ns.svc.cluster.local", [endpoint]);
    control.setOutboundPolicy(service, http1Policy());
    outbound = await new TestProxy({ control, identity: clientId, outboundDst: service }).ready();
  }
  const proxies = outbound === null ? [inbound] : [inbound, outbound];
  return {
    name: kind === "inbound" ? server.name : `${kind} to ${server.name}`,
    kind,
    server,
    port: (outbound === null ? inbound.proxy.inbound.port : outbound.proxy.outbound[0]?.port) ?? 0,
    counted: () => ({
      inbound: requests(inbound, "inbound"),
      outbound: outbound === null ? null : requests(outbound, "outbound"),
    }),
    tidy() {
      for (const proxy of proxies) proxy.lines.length = 0;
    },
    stop() {
      for (const proxy of proxies.toReversed()) proxy.close();
      control.stop();
    },
  };
}

function requests(proxy: TestProxy, direction: string): number {
  const series = proxy.series("request_total", `direction="${direction}"`);
  return series.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}

/** What a Service with appProtocol http gets. */
function http1Policy(): Parameters<FakeControlPlane["setOutboundPolicy"]>[1] {
  const resource = { group: "core", kind: "Service", namespace: "ns", name: "web", port: 80 };
  const metadata = { kind: { case: "resource", value: resource } };
  const discovery = { kind: { case: "dst", value: { path: "web.ns.svc.cluster.local:80" } } };
  const backends = [{ backend: { metadata, kind: { case: "balancer", value: { discovery } } } }];
  const rules = [
    {
      matches: [{ path: { kind: { case: "prefix", value: "/" } } }],
      backends: { kind: { case: "firstAvailable", value: { backends } } },
    },
  ];
  const route = { metadata: { kind: { case: "default", value: "http" } }, rules };
  return { metadata, protocol: { kind: { case: "http1", value: { routes: [route] } } } } as never;
}
