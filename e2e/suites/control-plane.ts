/**
 * `control-plane.ts SETTINGS.json`: a control plane for one proxy, on the loopback address of the proxy's host. It answers what
 * a real one would for Services with one meshed endpoint each, and signs whatever identity is asked for.
 */
import { createLog, stderrSink } from "#lib/log.ts";
import { parseCertificatePem } from "#lib/x509/certificate.ts";
import { loadKey } from "#lib/x509/key.ts";
import { FakeControlPlane, type FakeEndpoint } from "#proxy/testing/fake-control-plane.ts";

export interface ControlPlaneSettings {
  readonly port: number;
  /** The authority, PEM. */
  readonly anchor: string;
  readonly key: string;
  readonly services: ReadonlyArray<{
    readonly ip: string;
    readonly port: number;
    readonly name: string;
    /** What the Server of its port and the Service's appProtocol say; without them the proxies look at the bytes. */
    readonly protocol: "detect" | "http2";
    readonly endpoint: FakeEndpoint;
  }>;
}

const path = process.argv[2] ?? "";
const settings = (await Bun.file(path).json()) as ControlPlaneSettings;
const root = { certificate: parseCertificatePem(settings.anchor), key: loadKey(settings.key) };
const control = new FakeControlPlane(createLog(stderrSink("warn")), root);
control.certificateLife = 24 * 3_600_000;
const anybody = {
  networks: [{ net: { ip: { ip: { case: "ipv4", value: 0 } }, prefixLen: 0 } }],
  authentication: { permit: { case: "unauthenticated", value: {} } },
  metadata: { kind: { case: "default", value: "all-unauthenticated" } },
} as const;
for (const { ip, port, name, protocol, endpoint } of settings.services) {
  control.setService({ ip, port }, name, [endpoint]);
  control.setPolicy(port, {
    protocol: { kind: protocol === "http2" ? { case: "http2", value: {} } : { case: "detect", value: {} } },
    authorizations: [anybody],
  });
  if (protocol === "http2") control.setOutboundPolicy({ ip, port }, http2Policy(name, port));
}
control.start(settings.port);

/** What a Service with appProtocol kubernetes.io/h2c gets. */
function http2Policy(name: string, port: number): Parameters<FakeControlPlane["setOutboundPolicy"]>[1] {
  const resource = { group: "core", kind: "Service", namespace: "suite", name: "app", port };
  const metadata = { kind: { case: "resource", value: resource } };
  const balancer = {
    case: "balancer",
    value: { discovery: { kind: { case: "dst", value: { path: `${name}:${port}` } } } },
  };
  const backends = [{ backend: { metadata, kind: balancer } }];
  const rules = [
    {
      matches: [{ path: { kind: { case: "prefix", value: "/" } } }],
      backends: { kind: { case: "firstAvailable", value: { backends } } },
    },
  ];
  const route = { metadata: { kind: { case: "default", value: "http" } }, rules };
  return { metadata, protocol: { kind: { case: "http2", value: { routes: [route] } } } } as never;
}
