/**
 * `control-plane.ts SETTINGS.json`: a control plane for one proxy, on the loopback address of the proxy's namespace. It
 * answers what a real one would for a Service with one endpoint, and signs whatever identity is asked for.
 */
import { createLog, stderrSink } from "#lib/log.ts";
import { parseCertificatePem } from "#lib/x509/certificate.ts";
import { loadKey } from "#lib/x509/key.ts";
import { guardedServer, openServer, outboundPolicy, type Feature, type Protocol } from "./policies.ts";
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
    /** What the Service and the Server of its port say; with "detect" the proxies look at the bytes. */
    readonly protocol: Protocol;
    readonly endpoint: FakeEndpoint;
    /** Default: none. */
    readonly features?: readonly Feature[];
    /** Of the clients that a guarded server lets in. */
    readonly client?: string;
  }>;
}

const path = process.argv[2] ?? "";
const settings = (await Bun.file(path).json()) as ControlPlaneSettings;
const root = { certificate: parseCertificatePem(settings.anchor), key: loadKey(settings.key) };
const control = new FakeControlPlane(createLog(stderrSink("warn")), root);
control.certificateLife = 24 * 3_600_000;
for (const { ip, port, name, protocol, endpoint, features = [], client = "" } of settings.services) {
  control.setService({ ip, port }, name, [endpoint], { opaque: protocol === "opaque" });
  const outbound = outboundPolicy(`${name}:${port}`, protocol, features);
  if (outbound !== null) control.setOutboundPolicy({ ip, port }, outbound);
  control.setPolicy(port, features.includes("policy") ? guardedServer(protocol, client) : openServer(protocol));
}
control.start(settings.port);
