/**
 * `control-plane.ts SETTINGS.json`: a control plane for one proxy, on the loopback address of the proxy's namespace. It
 * answers what a real one would for a Service with one endpoint, and signs whatever identity is asked for.
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
    readonly opaque: boolean;
    readonly endpoint: FakeEndpoint;
  }>;
}

const path = process.argv[2] ?? "";
const settings = (await Bun.file(path).json()) as ControlPlaneSettings;
const root = { certificate: parseCertificatePem(settings.anchor), key: loadKey(settings.key) };
const control = new FakeControlPlane(createLog(stderrSink("warn")), root);
control.certificateLife = 24 * 3_600_000;
for (const { ip, port, name, opaque, endpoint } of settings.services) {
  control.setService({ ip, port }, name, [endpoint], { opaque });
  // Anybody may, as the default policy of an installation says.
  control.setPolicy(port, {
    protocol: { kind: opaque ? { case: "opaque", value: {} } : { case: "detect", value: {} } },
    authorizations: [
      {
        networks: [{ net: { ip: { ip: { case: "ipv4", value: 0 } }, prefixLen: 0 } }],
        authentication: { permit: { case: "unauthenticated", value: {} } },
        metadata: { kind: { case: "default", value: "all-unauthenticated" } },
      },
    ],
  });
}
control.start(settings.port);
