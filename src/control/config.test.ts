import { describe, expect, test } from "bun:test";
import { parseCidrs } from "#lib/net-addr.ts";
import { destinationConfig, logSettings, policyConfig } from "./config.ts";

describe("destinationConfig", () => {
  test("takes what Linkerd's chart passes", () => {
    const config = destinationConfig([
      "--addr=:8086",
      "--controller-namespace=mesh",
      "--outbound-transport-mode=transparent",
      "--enable-h2-upgrade=false",
      "--log-level=info",
      "--log-format=json",
      "--enable-endpoint-slices=true",
      "--cluster-domain=example.org",
      "--identity-trust-domain=trust.example",
      "--default-opaque-ports=25,100-200",
      "--enable-ipv6=true",
      '--meshed-http2-client-params={"keep_alive":{}}',
    ]);
    expect(config).toMatchObject({
      listen: { ip: "::", port: 8086 },
      admin: { ip: "::", port: 9996 },
      queueCapacity: 100,
      settings: {
        clusterDomain: "example.org",
        trustDomain: "trust.example",
        controlPlaneNamespace: "mesh",
        enableH2Upgrade: false,
        transportMode: "transparent",
        enableIpv6: true,
      },
    });
  });

  test("the trust domain is the cluster's unless told otherwise", () => {
    expect(destinationConfig(["--cluster-domain=a.b."]).settings).toMatchObject({
      clusterDomain: "a.b",
      trustDomain: "a.b",
    });
    expect(destinationConfig([]).settings.trustDomain).toBe("cluster.local");
  });

  test.each([
    ["--outbound-transport-mode=magic", 'Flag "--outbound-transport-mode" is "magic"'],
    ["--default-opaque-ports=x", 'Flag "--default-opaque-ports" is not valid'],
    ["--cluster-domain=", 'Flag "--cluster-domain" is not valid'],
    ["--stream-queue-capacity=0", "not a whole number from 1"],
  ])("refuses %s", (arg, message) => {
    expect(() => destinationConfig([arg])).toThrow(message);
  });
});

describe("policyConfig", () => {
  test("takes what Linkerd's chart passes", () => {
    const config = policyConfig([
      "--admin-addr=[::]:9990",
      "--control-plane-namespace=linkerd",
      "--grpc-addr=0.0.0.0:8090",
      "--admission-controller-disabled",
      "--cluster-networks=10.0.0.0/8,fd00::/8",
      "--identity-domain=cluster.local",
      "--cluster-domain=cluster.local",
      "--default-policy=deny",
      "--default-opaque-ports=25",
      "--global-egress-network-namespace=linkerd-egress",
      "--probe-networks=192.168.0.0/16",
    ]);
    expect(config.listen).toEqual({ ip: "0.0.0.0", port: 8090 });
    expect(config.inbound).toMatchObject({
      defaultPolicy: "deny",
      clusterNetworks: parseCidrs("10.0.0.0/8,fd00::/8"),
      probeNetworks: parseCidrs("192.168.0.0/16"),
    });
  });

  test("has a webhook where it is told where to listen and not to stay away", () => {
    const args = ["--server-addr=[::]:9443", "--server-tls-key=/tls/k", "--server-tls-certs=/tls/c"];
    expect(policyConfig(args).webhook).toEqual({
      listen: { ip: "::", port: 9443 },
      certificate: { kind: "files", files: { cert: "/tls/c", key: "/tls/k" } },
    });
    const asked = policyConfig([
      ...args,
      "--identity-addr=linkerd-identity.mesh.svc:8080",
      "--control-plane-namespace=mesh",
    ]);
    expect(asked.webhook?.certificate).toEqual({
      kind: "identity",
      host: "linkerd-identity.mesh.svc",
      port: 8080,
      name: "linkerd-policy-validator.mesh.svc",
      tokenFile: "/var/run/secrets/tokens/linkerd-identity-token",
    });
    expect(() => policyConfig([...args, "--identity-addr=here"])).toThrow('Flag "--identity-addr" is not valid');
    expect(policyConfig([...args, "--admission-controller-disabled"]).webhook).toBeNull();
    expect(policyConfig([]).webhook).toBeNull();
  });

  test("says what is wrong", () => {
    expect(() => policyConfig(["--default-policy=open"])).toThrow('Flag "--default-policy" is not valid');
    expect(() => policyConfig(["--cluster-networks=10.0.0.0/99"])).toThrow('Flag "--cluster-networks" is not valid');
  });
});

describe("logSettings", () => {
  test.each<[string[], string, string]>([
    [[], "info", "plain"],
    [["--log-level=warning", "--log-format", "json"], "warn", "json"],
    [["--log-level", "fatal"], "error", "plain"],
    [["--log-level=info,linkerd::watch=debug"], "info,linkerd::watch=debug", "plain"],
  ])("reads %j", (args, filter, format) => {
    expect(logSettings(args)).toEqual({ filter, format } as ReturnType<typeof logSettings>);
  });
});
