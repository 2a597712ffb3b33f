/** The whole proxy between real sockets and a control plane whose answers are written here. */
import { describe, expect, test } from "bun:test";
import { connect } from "#lib/net/connect.ts";
import type { SocketAddr, SocketHandler } from "#lib/net/socket.ts";
import { createTlsContext } from "#lib/net/tls.ts";
import { certificatePem } from "#lib/x509/certificate.ts";
import { createLeaf, createRoot, validFor, type Authority } from "#lib/x509/sign.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { ipMessage } from "#rpc/address.ts";
import { eventually, makeBed } from "./testing/bed.ts";

const service: SocketAddr = { ip: "10.96.0.10", port: 80 };
const name = "web.ns.svc.cluster.local";
const clientId = "client.ns.serviceaccount.identity.linkerd.cluster.local";
const serverId = "web.ns.serviceaccount.identity.linkerd.cluster.local";

const bed = makeBed();

/** Tells what it was asked. */
async function echo(request: Request): Promise<Response> {
  const body = await request.text();
  return Response.json({
    method: request.method,
    path: new URL(request.url).pathname,
    body,
    headers: Object.fromEntries(request.headers),
  });
}

const tick = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const url = (port: number, path = "/"): string => `http://127.0.0.1:${port}${path}`;

describe("a plaintext hop", () => {
  test("carries requests to the endpoint of a service and counts them on both sides", async () => {
    bed.control.setService(service, name, [{ ...bed.app(echo), labels: { deployment: "web" } }]);
    const out = bed.started({ outboundDst: service });
    const response = await fetch(`${out.outboundUrl}/a/b?c=d`, { method: "POST", body: "hello" });
    expect(await response.json()).toMatchObject({ method: "POST", path: "/a/b", body: "hello" });
    expect(
      out.series("request_total", 'direction="outbound"', `authority="${name}:80"`, 'dst_deployment="web"')[0],
    ).toEndWith(" 1");
    expect(out.series("response_total", 'classification="success"', 'status_code="200"')[0]).toEndWith(" 1");
    expect(out.series("tcp_open_total", 'peer="src"').length).toBe(1);
    expect(out.series("tcp_open_total", 'peer="dst"', 'dst_deployment="web"').length).toBe(1);
    const parent = 'parent_group="core",parent_kind="Service",parent_name="web",parent_namespace="ns"';
    const balancer = "outbound_http_balancer";
    expect(out.series(`${balancer}_endpoints`, parent, 'backend_name="web"', 'endpoint_state="ready"')[0]).toEndWith(
      " 1",
    );
    expect(out.series(`${balancer}_queue_requests_total`, 'parent_port="80"')[0]).toEndWith(" 1");
    expect(out.series("outbound_tcp_balancer_endpoints")).toEqual([]);
    const route = "outbound_http_route";
    const statuses = [parent, 'route_kind="default"', 'route_name="http"', 'http_status="200"', 'error=""'];
    expect(out.series(`${route}_request_statuses_total`, ...statuses)[0]).toEndWith(" 1");
    expect(out.series(`${route}_backend_response_statuses_total`, ...statuses, 'backend_name="web"')[0]).toEndWith(
      " 1",
    );
    expect(out.series(`${route}_request_duration_seconds_count`, parent)[0]).toEndWith(" 1");
    expect(out.series(`${route}_backend_requests_total`, parent, 'backend_port="80"')[0]).toEndWith(" 1");
    expect(out.series("outbound_tcp_detect_http_results_total", parent, 'result="http/1"')[0]).toEndWith(" 1");
    expect(out.series("outbound_tcp_protocol_connections_total", parent, 'protocol="detect"')[0]).toEndWith(" 1");
    expect(out.series("control_destination_balancer_endpoints", 'endpoint_state="ready"')[0]).toEndWith(" 1");
  });

  test("goes inbound to the application on its own port, under the default policy", async () => {
    const inbound = bed.started({ inboundDst: bed.app(echo) });
    const response = await fetch(`${inbound.inboundUrl}/x`, { headers: { "l5d-client-id": "somebody.else" } });
    const seen = (await response.json()) as { headers: Record<string, string> };
    expect(seen.headers["l5d-client-id"]).toBeUndefined();
    const detected = inbound.series("inbound_tcp_detect_http_results_total", 'srv_name="all-unauthenticated"');
    expect(detected).toEqual([expect.stringContaining('result="http/1"')]);
    expect(
      inbound.series("request_total", 'direction="inbound"', 'tls="disabled"', 'srv_name="all-unauthenticated"')[0],
    ).toEndWith(" 1");
  });

  test("spreads requests over endpoints and follows the endpoints as they change", async () => {
    const one = bed.app(() => new Response("one"));
    const two = bed.app(() => new Response("two"));
    bed.control.setService(service, name, [one]);
    const out = bed.started({ outboundDst: service });
    expect(await (await fetch(out.outboundUrl)).text()).toBe("one");
    bed.control.setEndpoints(`${name}:80`, [two]);
    await eventually(() => bed.control.calls.length > 0, "no calls");
    await eventually(
      async () => (await (await fetch(out.outboundUrl)).text()) === "two",
      "the new endpoint is not used",
    );
  });
});

describe("a pair of proxies", () => {
  async function pair(more: { server?: Record<string, string>; client?: Record<string, string> } = {}) {
    const target = bed.app(echo);
    const server = await bed.started({ identity: serverId, env: more.server ?? {} }).ready();
    const endpoint = { ...target, identity: serverId, transportPort: server.proxy.inbound.port };
    bed.control.setService(service, name, [endpoint]);
    const client = await bed.started({ identity: clientId, outboundDst: service, env: more.client ?? {} }).ready();
    return { client, server, target };
  }

  test("talks by mutual TLS, and the application learns who asks", async () => {
    const { client, server } = await pair();
    const response = await fetch(`${client.outboundUrl}/hello`);
    expect(response.headers.get("l5d-proxy-error")).toBeNull();
    const seen = (await response.json()) as { headers: Record<string, string> };
    expect(seen.headers["l5d-client-id"]).toBe(clientId);
    expect(client.series("request_total", 'tls="true"', `server_id="${serverId}"`)[0]).toEndWith(" 1");
    expect(server.series("request_total", 'tls="true"', `client_id="${clientId}"`)[0]).toEndWith(" 1");
    const connections = server.series("inbound_tcp_transport_header_connections_total", `client_id="${clientId}"`);
    expect(connections).toEqual([expect.stringContaining('session_protocol="http/1"')]);
    expect(client.metrics()).toMatch(/control_identity_cert_expiration_timestamp_seconds 1\d{9}/);
  });

  test("brings HTTP/1 by HTTP/2 where that is set, and the application sees HTTP/1 all the same", async () => {
    const { client, server } = await pair({ client: { OUTBOUND_HTTP1_UPGRADE: "true" } });
    const ask = async (path: string): Promise<Response> =>
      await fetch(`${client.outboundUrl}${path}`, { method: "POST", body: path });
    const answers = await Promise.all(Array.from({ length: 20 }, (_, at) => ask(`/${at}`)));
    for (const [at, answer] of answers.entries()) {
      expect(await answer.json()).toMatchObject({ path: `/${at}`, body: `/${at}`, method: "POST" });
      expect(answer.headers.get("l5d-orig-proto")).toBeNull();
    }
    const connections = server.series("inbound_tcp_transport_header_connections_total");
    expect(connections).toEqual([expect.stringMatching(/session_protocol="http\/2".* 1$/)]);
    // What may become a tunnel stays HTTP/1.
    const headers = { connection: "upgrade", upgrade: "websocket" };
    await fetch(client.outboundUrl, { headers });
    const opened = server.series("inbound_tcp_transport_header_connections_total", 'session_protocol="http/1"');
    expect(opened[0]).toEndWith(" 1");
  });

  test("passes gRPC-Web byte for byte, trailers in the body included", async () => {
    const answer = Buffer.from("\0\0\0\0\x02hi\x80\0\0\0\x10grpc-status: 0\r\n", "latin1");
    const type = "application/grpc-web+proto";
    const target = bed.app(async (request) => {
      const asked = Buffer.from(await request.arrayBuffer()).toString("latin1");
      return new Response(asked === "\0\0\0\0\x02yo" ? answer : "else", { headers: { "content-type": type } });
    });
    const server = await bed.started({ identity: serverId }).ready();
    bed.control.setService(service, name, [
      { ...target, identity: serverId, transportPort: server.proxy.inbound.port },
    ]);
    const client = await bed.started({ identity: clientId, outboundDst: service }).ready();
    const response = await fetch(`${client.outboundUrl}/a.B/C`, {
      method: "POST",
      headers: { "content-type": type },
      body: "\0\0\0\0\x02yo",
    });
    expect([response.status, response.headers.get("content-type")]).toEqual([200, type]);
    expect(Buffer.from(await response.arrayBuffer()).equals(answer)).toBe(true);
  });

  test("talks over IPv6 as well, and says so with brackets", async () => {
    const own = Bun.serve({ hostname: "::1", port: 0, fetch: echo });
    bed.after(() => void own.stop(true));
    const env = { INBOUND_LISTEN_ADDR: "[::1]:0", OUTBOUND_LISTEN_ADDR: "[::1]:0" };
    const server = await bed.started({ identity: serverId, env }).ready();
    const port = own.port ?? 0;
    bed.control.setService(service, name, [
      { ip: "::1", port, identity: serverId, transportPort: server.proxy.inbound.port },
    ]);
    const client = await bed.started({ identity: clientId, outboundDst: service, env }).ready();
    const response = await fetch(`http://[::1]:${client.proxy.outbound[0]?.port}/six`);
    const seen = (await response.json()) as { headers: Record<string, string>; path: string };
    expect([seen.path, seen.headers["l5d-client-id"]]).toEqual(["/six", clientId]);
    expect(client.series("tcp_open_total", 'peer="dst"', `target_addr="[::1]:${port}"`)[0]).toEndWith(" 1");
    expect(server.series("request_total", `target_addr="[::1]:${port}"`, 'target_ip="::1"')[0]).toEndWith(" 1");
  });

  test("refuses an endpoint that can't prove the expected identity", async () => {
    const { client, target, server } = await pair({ client: { OUTBOUND_HTTP_FAILFAST_TIMEOUT: "100ms" } });
    bed.control.setEndpoints(`${name}:80`, [
      { ...target, port: target.port, identity: "somebody.else.test", transportPort: server.proxy.inbound.port },
    ]);
    await tick(50);
    const response = await fetch(client.outboundUrl);
    expect([502, 503, 504]).toContain(response.status);
    expect(server.series("request_total").length).toBe(0);
  });

  test("answers 403 when the server's policy does not permit the client", async () => {
    const { client, server } = await pair({ server: { INBOUND_DEFAULT_POLICY: "deny" } });
    const response = await fetch(client.outboundUrl);
    expect(response.status).toBe(403);
    expect(server.series("inbound_http_authz_deny_total", `client_id="${clientId}"`).length).toBe(1);
  });

  test("takes the policy of the control plane over the default, also for connections that are open", async () => {
    const { client, target } = await pair({ server: { INBOUND_DEFAULT_POLICY: "deny" } });
    bed.control.setPolicy(target.port, {
      protocol: { kind: { case: "detect", value: {} } },
      authorizations: [
        {
          networks: [{ net: { ip: ipMessage("0.0.0.0") ?? undefined, prefixLen: 0 } } as never],
          authentication: {
            permit: {
              case: "meshTLS",
              value: { clients: { case: "identities", value: { identities: [{ name: clientId }] } } },
            },
          },
        },
      ],
      labels: { group: "policy.linkerd.io", kind: "server", name: "web" },
    });
    let status = 0;
    for (let i = 0; i < 100 && status !== 200; i++) {
      status = (await fetch(client.outboundUrl)).status;
      await tick(10);
    }
    expect(status).toBe(200);
  });

  test("serves the admin port by mutual TLS as well, to clients of the mesh alone", async () => {
    const { server } = await pair();
    const ask = (issuer: Authority): Promise<string> => {
      const leaf = createLeaf(issuer, ["scraper.test"], validFor(Date.now(), 60_000, 60_000));
      const context = createTlsContext({
        certPem: certificatePem(leaf.certificate),
        keyPem: leaf.key.privateKeyPem,
        caPem: bed.control.anchorsPem,
        requestPeer: false,
      });
      const tls = { context, serverName: serverId, verify: { identity: serverId } };
      return new Promise((resolve) => {
        let received = "";
        const handler: SocketHandler = {
          onData: (_socket, chunk) => {
            received += chunk.toString("latin1");
          },
          onDrain() {},
          onEnd: (socket) => socket.close(),
          onClose: () => resolve(received),
        };
        connect(
          { ...server.proxy.admin, timeout: 2000, tls },
          {
            onOpen(socket) {
              socket.handler = handler;
              const request = Buffer.from("GET /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
              socket.write(request, 0, request.length);
            },
            onFail: (error) => resolve(error.message),
          },
        );
      });
    };
    expect(await ask(bed.control.authority)).toContain("proxy_build_info{");
    const stranger = createRoot("other.test", validFor(Date.now(), 60_000, 60_000));
    expect(await ask(stranger)).not.toContain("HTTP/1.1");
  });
});

describe("opaque traffic", () => {
  test("passes both ways as it is, and a half-closed connection still carries the answer", async () => {
    const echoServer = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      allowHalfOpen: true,
      socket: {
        data: (socket, data) => void socket.write(data),
        end: (socket) => {
          socket.write("bye");
          socket.shutdown();
        },
      },
    });
    bed.after(() => echoServer.stop(true));
    bed.control.setService(service, name, [{ ip: "127.0.0.1", port: echoServer.port }], { opaque: true });
    const out = bed.started({ outboundDst: service });
    const received = await new Promise<string>((resolve, reject) => {
      let all = "";
      Bun.connect({
        hostname: "127.0.0.1",
        port: out.proxy.outbound[0]?.port ?? 0,
        allowHalfOpen: true,
        socket: {
          open(socket) {
            socket.write("GET this is not HTTP\n");
            socket.shutdown();
          },
          data: (_socket, data) => {
            all += data.toString();
          },
          end: () => resolve(all),
          close: () => resolve(all),
        },
      }).catch(reject);
    });
    expect(received).toBe("GET this is not HTTP\nbye");
    expect(out.series("tcp_read_bytes_total", 'peer="src"')[0]).toEndWith(" 21");
  });
});

describe("without its control plane", () => {
  test("goes on serving what it knows, and follows it again when it is back", async () => {
    const one = bed.app(() => new Response("one"));
    bed.control.setService(service, name, [one]);
    const out = bed.started({ outboundDst: service });
    expect(await (await fetch(out.outboundUrl)).text()).toBe("one");
    bed.control.stop();
    for (let i = 0; i < 20; i++) expect((await fetch(out.outboundUrl)).status).toBe(200);
    bed.control.setEndpoints(`${name}:80`, [bed.app(() => new Response("two"))]);
    bed.control.start();
    await eventually(async () => (await (await fetch(out.outboundUrl)).text()) === "two", "it is not followed again");
  });

  test("reaches an address that it never heard of in plaintext after the profile timeout", async () => {
    bed.control.stop();
    const target = bed.app(() => new Response("plain"));
    const out = bed.started({ outboundDst: target, env: { DESTINATION_PROFILE_INITIAL_TIMEOUT: "50ms" } });
    expect(await (await fetch(out.outboundUrl)).text()).toBe("plain");
  });
});

describe("failures", () => {
  test("fail fast with 504 and a reason when a service has no endpoint", async () => {
    bed.control.setService(service, name, []);
    const clock = new FakeClock();
    const out = bed.started({ outboundDst: service, env: { OUTBOUND_HTTP_FAILFAST_TIMEOUT: "100ms" }, clock });
    const asked = fetch(out.outboundUrl);
    await eventually(() => out.series("outbound_http_balancer_queue_length")[0]?.endsWith(" 1") ?? false);
    clock.advance(100);
    const response = await asked;
    expect(response.status).toBe(504);
    expect(response.headers.get("l5d-proxy-error")).not.toBeNull();
    expect(out.series("outbound_http_errors_total", 'error="failfast"')[0]).toEndWith(" 1");
    expect(out.series("outbound_http_route_request_statuses_total", 'error="FAIL_FAST"')[0]).toEndWith(" 1");
    // The gate is shut now: the next one does not wait, and need not, as time stands still.
    expect((await fetch(out.outboundUrl)).status).toBe(504);
  });

  test("use another endpoint when one refuses connections", async () => {
    bed.control.setService(service, name, [{ ip: "127.0.0.1", port: 1 }, bed.app(() => new Response("alive"))]);
    const out = bed.started({ outboundDst: service });
    for (let i = 0; i < 20; i++) expect(await (await fetch(out.outboundUrl)).text()).toBe("alive");
  });
});

describe("listening", () => {
  test("goes on without a second outbound address that this machine does not have, but not without the first", () => {
    const out = bed.started({ env: { OUTBOUND_LISTEN_ADDRS: "127.0.0.1:0,192.0.2.1:0" } });
    expect(out.proxy.outbound.length).toBe(1);
    expect(out.lines.join("\n")).toContain("left out ip=192.0.2.1");
    expect(() => bed.started({ env: { OUTBOUND_LISTEN_ADDRS: "192.0.2.1:0,127.0.0.1:0" } })).toThrow("192.0.2.1");
  });
});

describe("draining", () => {
  test("takes no new connections and lets the request in flight end", async () => {
    let answer: (() => void) | null = null;
    const started = Promise.withResolvers<void>();
    const slow = bed.app(async () => {
      started.resolve();
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      return new Response("late");
    });
    bed.control.setService(service, name, [slow]);
    const out = bed.started({ outboundDst: service });
    const port = out.proxy.outbound[0]?.port ?? 0;
    const inFlight = fetch(url(port));
    await started.promise;
    const drained = out.proxy.drain();
    await tick(20);
    expect(fetch(url(port), { keepalive: false })).rejects.toThrow();
    (answer as (() => void) | null)?.();
    expect(await (await inFlight).text()).toBe("late");
    expect(await drained).toBe(true);
  });

  test("gives up after the grace period", async () => {
    const asked = Promise.withResolvers<void>();
    const silent = bed.app(() => {
      asked.resolve();
      return new Promise(() => {});
    });
    bed.control.setService(service, name, [silent]);
    const out = bed.started({ outboundDst: service, env: { SHUTDOWN_GRACE_PERIOD: "50ms" } });
    fetch(out.outboundUrl).catch(() => {});
    await asked.promise;
    expect(await out.proxy.drain()).toBe(false);
  });
});
