import { afterEach, expect, test } from "bun:test";
import { systemClock } from "#lib/clock.ts";
import { memoryLog } from "#lib/log.ts";
import { Registry } from "#lib/metrics/registry.ts";
import { text } from "#lib/metrics/text.ts";
import { Resolver } from "#lib/net/resolve.ts";
import { systemRandom } from "#lib/random.ts";
import { ControlMetrics, ControlStreams, certifyBy, createControlClient } from "../discovery/control-clients.ts";
import { createCsr } from "#lib/x509/csr.ts";
import { createKey } from "#lib/x509/key.ts";
import { parseCertificate } from "#lib/x509/certificate.ts";
import type { RpcClient } from "#rpc/client.ts";
import { FakeControlPlane } from "./fake-control-plane.ts";

const registry = new Registry();
const metrics = new ControlMetrics(registry, systemClock);
const control = new FakeControlPlane(memoryLog().log);
let client: RpcClient | null = null;
afterEach(() => {
  client?.close();
  control.stop();
});

function streams(): ControlStreams {
  control.start();
  const service = {
    name: "destination" as const,
    host: "localhost.",
    port: control.addr.port,
    tls: () => "plaintext" as const,
  };
  const made = createControlClient(service, {
    resolver: new Resolver(),
    clock: systemClock,
    random: systemRandom,
    registry,
    connectTimeout: 1000,
  });
  client = made;
  const addr = "localhost";
  return new ControlStreams({
    metrics,
    destination: { client: made, addr },
    policy: { client: made, addr },
    context: "",
    workload: "",
  });
}

test("the control streams bring profiles, endpoints and refusals over a real connection", async () => {
  control.setService({ ip: "10.96.0.1", port: 80 }, "web.ns.svc.cluster.local", [{ ip: "10.1.0.1", port: 8080 }]);
  const all = streams();
  const profile = await new Promise<string>((resolve, reject) => {
    all.getProfile("10.96.0.1:80")({
      onMessage: (m) => resolve(m.fullyQualifiedName),
      onEnd: (end) => reject(new Error(end.message)),
    });
  });
  expect(profile).toBe("web.ns.svc.cluster.local");
  const update = await new Promise<string | undefined>((resolve) => {
    all.get("web.ns.svc.cluster.local:80")({ onMessage: (m) => resolve(m.update.case), onEnd: () => resolve("end") });
  });
  expect(update).toBe("add");
  const code = await new Promise<number>((resolve) => {
    all.watchPort?.(9)({ onMessage: () => resolve(-1), onEnd: (end) => resolve(end.code) });
  });
  expect(code).toBe(5);
});

test("the identity service signs what it is asked for", async () => {
  streams();
  const key = createKey();
  if (client === null) throw new Error("No client");
  const certify = certifyBy(client, "identity:8080", metrics);
  const request = { identity: "web.ns.test", token: new Uint8Array([1]), csr: createCsr(key, "web.ns.test") };
  const response = await certify(request, 2000);
  expect(parseCertificate(response.leaf).dnsNames).toEqual(["web.ns.test"]);
  expect(response.validUntil).toBeGreaterThan(Date.now());
  await expect(certify({ ...request, csr: new Uint8Array([1]) }, 2000)).rejects.toThrow();
  const series = text(registry);
  expect(series).toContain('control_request_total{addr="identity:8080"} 2');
  expect(series).toContain('control_response_total{addr="identity:8080",classification="success",grpc_status="0"} 1');
  expect(series).toContain('control_response_total{addr="identity:8080",classification="failure",');
  expect(series).toContain('control_response_latency_ms_count{addr="identity:8080"} 2');
});
