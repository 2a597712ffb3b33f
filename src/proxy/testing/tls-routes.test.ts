/** TLS of applications, which routes divide by server name, through whole proxies. */
import { expect, test } from "bun:test";
import { connect as tlsConnect } from "node:tls";
import type { SocketAddr } from "#lib/net/socket.ts";
import { leafPem, testAuthority } from "#lib/net/testing/pairs.ts";
import { makeBed } from "./bed.ts";
import type { TestProxy } from "./harness.ts";

const service: SocketAddr = { ip: "10.96.0.40", port: 443 };
const serverId = "web.ns.serviceaccount.identity.linkerd.cluster.local";
const clientId = "client.ns.serviceaccount.identity.linkerd.cluster.local";
const authority = testAuthority("apps");
const bed = makeBed();

/** An application that ends its own TLS and answers with its name. */
function app(name: string): SocketAddr {
  const { certPem, keyPem } = leafPem(authority, ["a.shop.example", "b.shop.example", "shop.example"]);
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: { cert: certPem, key: keyPem },
    fetch: () => new Response(name),
  });
  bed.after(() => void server.stop(true));
  return { ip: "127.0.0.1", port: server.port ?? 0 };
}

const route = (name: string, host: string, snis: readonly object[]): object => ({
  metadata: { kind: { case: "resource", value: { kind: "TLSRoute", namespace: "ns", name } } },
  snis: snis.map((match) => ({ match })),
  rules: [
    {
      backends: {
        kind: {
          case: "randomAvailable",
          value: {
            backends: [
              {
                weight: 1,
                backend: {
                  backend: {
                    kind: {
                      case: "balancer",
                      value: { discovery: { kind: { case: "dst", value: { path: `${host}:443` } } } },
                    },
                  },
                },
              },
            ],
          },
        },
      },
    },
  ],
});

/** What the application behind a server name says, or "refused". */
function ask(through: TestProxy, servername: string): Promise<string> {
  return new Promise((resolve) => {
    let got = "";
    const socket = tlsConnect(
      { host: "127.0.0.1", port: through.proxy.outbound[0]?.port ?? 0, servername, ca: authority.anchorPem },
      () => socket.write(`GET / HTTP/1.1\r\nHost: ${servername}\r\nConnection: close\r\n\r\n`),
    );
    socket.on("data", (chunk: Buffer) => {
      got += chunk.toString("latin1");
    });
    socket.on("error", () => resolve("refused"));
    socket.on("close", () => resolve(got.split("\r\n\r\n")[1] ?? "refused"));
  });
}

for (const meshed of [false, true]) {
  test(`each server name goes to its own backend, ${meshed ? "inside the mesh's TLS" : "as it is"}`, async () => {
    const hosts = { exact: app("exact"), wide: app("wide") };
    for (const [host, target] of Object.entries(hosts)) {
      const peer = meshed ? await bed.proxy({ identity: serverId }) : null;
      const mesh = peer === null ? {} : { identity: serverId, transportPort: peer.proxy.inbound.port };
      bed.control.setEndpoints(`${host}:443`, [{ ...target, ...mesh }]);
    }
    bed.control.setService(service, "web.ns.svc.cluster.local", []);
    const routes = [
      route("wide", "wide", [{ case: "suffix", value: { reverseLabels: ["example", "shop"] } }]),
      route("exact", "exact", [{ case: "exact", value: "a.shop.example" }]),
    ];
    bed.control.setOutboundPolicy(service, { protocol: { kind: { case: "tls", value: { routes } } } } as never);
    const out = await bed.proxy({ outboundDst: service, ...(meshed ? { identity: clientId } : {}) });
    expect(await ask(out, "a.shop.example")).toBe("exact");
    expect(await ask(out, "b.shop.example")).toBe("wide");
    expect(await ask(out, "shop.example")).toBe("refused");
    expect(out.series("outbound_tcp_protocol_connections_total", 'protocol="tls"')[0]).toEndWith(" 3");
    expect(out.series("tcp_open_total", 'peer="dst"', 'tls="true"').length > 0).toBe(meshed);
  });
}
