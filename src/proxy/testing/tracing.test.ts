/** Spans of a pair of proxies, as a collector gets them. */
import { describe, expect, test } from "bun:test";
import { connect, createServer, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memoryLog } from "#lib/log.ts";
import { listen } from "#lib/net/listen.ts";
import type { SocketAddr } from "#lib/net/socket.ts";
import { TraceService, type ExportTraceServiceRequest, type KeyValue, type Span } from "#rpc/gen/otlp_trace_pb.ts";
import { createRpcServer } from "#rpc/server.ts";
import { implement } from "#rpc/service.ts";
import { eventually, makeBed } from "./bed.ts";

const service: SocketAddr = { ip: "10.96.0.10", port: 80 };
const name = "web.ns.svc.cluster.local";
const clientId = "client.ns.serviceaccount.identity.linkerd.cluster.local";
const serverId = "web.ns.serviceaccount.identity.linkerd.cluster.local";
const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
const parent = "00f067aa0ba902b7";

const bed = makeBed();

/** A collector that keeps what it gets. */
function collector() {
  const requests: ExportTraceServiceRequest[] = [];
  const service = implement(TraceService, {
    export(request) {
      requests.push(request);
      return {};
    },
  });
  const server = createRpcServer({ services: [service], log: memoryLog().log });
  const listener = listen({ ip: "127.0.0.1", port: 0 }, server.accept);
  bed.after(() => listener.close());
  bed.after(() => server.close());
  const spans = (): Span[] =>
    requests.flatMap((r) => r.resourceSpans).flatMap((r) => r.scopeSpans.flatMap((s) => s.spans));
  const wait = async (count: number): Promise<Span[]> => {
    await eventually(() => spans().length >= count);
    return spans();
  };
  return { requests, spans, wait, addr: `localhost:${listener.addr.port}` };
}

async function pair(env: Record<string, string>) {
  const server = await bed.proxy({ identity: serverId, env });
  const target = bed.app((request) => Response.json(Object.fromEntries(request.headers), { status: 503 }));
  bed.control.setService(service, name, [{ ...target, identity: serverId, transportPort: server.proxy.inbound.port }]);
  const client = await bed.proxy({ identity: clientId, outboundDst: service, env });
  return { client, server };
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const attributes = (list: readonly KeyValue[]) =>
  Object.fromEntries(list.map(({ key, value }) => [key, value?.value.value]));

/** A gRPC application that says "not found" and what it was sent. */
async function grpcApp(): Promise<{ addr: SocketAddr; seen: Promise<Record<string, string>> }> {
  const seen = Promise.withResolvers<Record<string, string>>();
  const server = createServer();
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    seen.resolve(headers as Record<string, string>);
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "5" }));
    stream.resume();
    stream.end("answer");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  bed.after(() => void server.close());
  return { addr: { ip: "127.0.0.1", port: (server.address() as AddressInfo).port }, seen: seen.promise };
}

describe("A trace", () => {
  test("of a gRPC call goes on by HTTP/2 and has its status", async () => {
    const t = collector();
    const env = { TRACE_COLLECTOR_SVC_ADDR: t.addr };
    const { addr, seen } = await grpcApp();
    const server = await bed.proxy({ identity: serverId, env });
    bed.control.setService(service, name, [{ ...addr, identity: serverId, transportPort: server.proxy.inbound.port }]);
    const client = await bed.proxy({ identity: clientId, outboundDst: service, env });
    const session = connect(client.outboundUrl);
    bed.after(() => void session.destroy());
    const bin = Buffer.from(`0000${trace}01${parent}0201`, "hex").toString("base64");
    const call = session.request({
      ":method": "POST",
      ":path": "/pkg.Service/Method",
      "content-type": "application/grpc",
      "grpc-trace-bin": bin,
    });
    call.end("question");
    const status = await new Promise((resolve) => call.on("trailers", (trailers) => resolve(trailers["grpc-status"])));
    expect(status).toBe("5");
    const spans = await t.wait(2);
    const inbound = spans.find((span) => span.kind === 2);
    expect(spans.map((span) => hex(span.traceId))).toEqual([trace, trace]);
    expect(inbound).toMatchObject({ name: "/pkg.Service/Method", status: { code: 2 } });
    expect(attributes(inbound?.attributes ?? [])).toMatchObject({
      "rpc.grpc.status_code": 5n,
      "http.response.body.size": 6n,
    });
    const sent = Buffer.from((await seen)["grpc-trace-bin"] ?? "", "base64").toString("hex");
    expect(sent).toBe(`0000${trace}01${hex(inbound!.spanId)}0201`);
  });

  test("goes on through both proxies, which each add a span to it", async () => {
    const dir = mkdtempSync(join(tmpdir(), "linkerd-trace-"));
    bed.after(() => rmSync(dir, { recursive: true, force: true }));
    writeFileSync(join(dir, "labels"), 'app="web"\n');
    writeFileSync(join(dir, "annotations"), 'secret="x"\nresource.opentelemetry.io/team="blue"\n');
    const t = collector();
    const { client } = await pair({
      TRACE_COLLECTOR_SVC_ADDR: t.addr,
      TRACE_SERVICE_NAME: "my-proxy",
      TRACE_ATTRIBUTES_PATH: join(dir, "labels"),
      TRACE_ANNOTATIONS_PATH: join(dir, "annotations"),
      TRACE_EXTRA_ATTRIBUTES: "k8s.pod.name=web-1\nk8s.namespace=ns",
    });
    const headers = { traceparent: `00-${trace}-${parent}-01`, tracestate: "a=b", "user-agent": "me" };
    const seen = (await (await fetch(`${client.outboundUrl}/a/b?c=d`, { headers })).json()) as Record<string, string>;
    const spans = await t.wait(2);
    expect(spans.length).toBe(2);
    const outbound = spans.find((span) => span.kind === 3);
    const inbound = spans.find((span) => span.kind === 2);
    if (outbound === undefined || inbound === undefined) throw new Error("One of the spans is missing");
    expect([hex(outbound.traceId), hex(inbound.traceId)]).toEqual([trace, trace]);
    expect(hex(outbound.parentSpanId)).toBe(parent);
    expect(hex(inbound.parentSpanId)).toBe(hex(outbound.spanId));
    expect(seen["traceparent"]).toBe(`00-${trace}-${hex(inbound.spanId)}-01`);
    expect(seen["tracestate"]).toBe("a=b");
    expect(inbound).toMatchObject({ name: "/a/b", traceState: "a=b", status: { code: 2 } });
    expect(attributes(inbound.attributes)).toMatchObject({
      "http.request.method": "GET",
      "http.response.status_code": 503n,
      "url.path": "/a/b",
      "url.query": "c=d",
      "user_agent.original": "me",
      "client.id": clientId,
    });
    expect(attributes(outbound.attributes)).toMatchObject({ direction: "outbound", "server.id": serverId });
    expect(inbound.endTimeUnixNano).toBeGreaterThan(inbound.startTimeUnixNano);
    expect(Number(inbound.startTimeUnixNano / 1_000_000n)).toBeCloseTo(Date.now(), -5);
    expect(attributes(t.requests[0]?.resourceSpans[0]?.resource?.attributes ?? [])).toEqual({
      "service.name": "my-proxy",
      "k8s.pod.name": "web-1",
      "k8s.namespace": "ns",
      app: "web",
      team: "blue",
    });
  });

  test("goes on as it is, without a span, when it is not wanted or there is none", async () => {
    const t = collector();
    const { client } = await pair({ TRACE_COLLECTOR_SVC_ADDR: t.addr });
    const ask = async (headers: Record<string, string>) =>
      (await (await fetch(client.outboundUrl, { headers })).json()) as Record<string, string>;
    const unsampled = `00-${trace}-${parent}-00`;
    expect((await ask({ traceparent: unsampled }))["traceparent"]).toBe(unsampled);
    expect(Object.keys(await ask({})).filter((key) => /trace|b3/.test(key))).toEqual([]);
    const b3 = await ask({ b3: `${trace}-${parent}-1` });
    const spans = await t.wait(2);
    expect(spans.length).toBe(2);
    expect(b3["b3"]).toStartWith(`${trace}-`);
    expect(b3["b3"]).not.toContain(`-${parent}-1`);
  });

  test("begins at the first proxy where that is configured, and the next one joins it", async () => {
    const t = collector();
    const { client } = await pair({ TRACE_COLLECTOR_SVC_ADDR: t.addr, TRACE_START_RATIO: "1" });
    const seen = (await (await fetch(client.outboundUrl)).json()) as Record<string, string>;
    const spans = await t.wait(2);
    const [root] = spans.filter((span) => span.parentSpanId.length === 0);
    expect(spans.map((span) => hex(span.traceId))).toEqual([hex(root!.traceId), hex(root!.traceId)]);
    expect(root?.kind).toBe(3);
    expect(seen["traceparent"]).toMatch(new RegExp(`^00-${hex(root!.traceId)}-[0-9a-f]{16}-01$`));
  });
});
