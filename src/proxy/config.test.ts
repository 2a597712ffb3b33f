import { describe, expect, test } from "bun:test";
import { MeshError } from "#lib/errors.ts";
import { readConfig } from "./config.ts";
import type { EnvMap } from "./env.ts";

const p = (map: Record<string, string>): EnvMap =>
  Object.fromEntries(Object.entries(map).map(([name, value]) => [`LINKERD2_PROXY_${name}`, value]));

const least = { DESTINATION_SVC_ADDR: "localhost.:8086" };

/** The problems that a map of variables has. */
function problems(map: Record<string, string>): string {
  try {
    readConfig(p({ ...least, ...map }));
    return "";
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(MeshError);
    return thrown instanceof Error ? thrown.message : "";
  }
}

describe("readConfig", () => {
  test("has Linkerd's defaults when only the destination service is given", () => {
    const config = readConfig(p(least));
    expect(config.outbound.listen).toEqual([{ ip: "127.0.0.1", port: 4140 }]);
    expect(config.inbound.listen).toEqual({ ip: "0.0.0.0", port: 4143 });
    expect(config.admin.listen).toEqual({ ip: "127.0.0.1", port: 4191 });
    expect([config.outbound.connectTimeout, config.inbound.connectTimeout]).toEqual([1000, 300]);
    expect([config.outbound.discoveryIdleTimeout, config.inbound.discoveryIdleTimeout]).toEqual([5000, 90_000]);
    expect([config.outbound.failfastTimeout, config.inbound.failfastTimeout]).toEqual([3000, 1000]);
    expect(config.inbound.defaultPolicy).toBe("all-unauthenticated");
    expect(config.identity).toBeNull();
    expect(config.control.destination).toEqual({ addr: { host: "localhost.", port: 8086 }, identity: null });
    expect(config.shutdownGracePeriod).toBe(120_000);
    expect(config.unknown).toEqual([]);
  });

  test("reads every form that an injector writes", () => {
    const config = readConfig(
      p({
        DESTINATION_SVC_ADDR: "linkerd-dst-headless.linkerd.svc.cluster.local.:8086",
        DESTINATION_SVC_NAME: "linkerd-destination.linkerd.serviceaccount.identity.linkerd.cluster.local",
        IDENTITY_DIR: "/var/run/linkerd/identity/end-entity",
        IDENTITY_TRUST_ANCHORS: "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        IDENTITY_TOKEN_FILE: "/var/run/secrets/tokens/linkerd-identity-token",
        IDENTITY_SVC_ADDR: "localhost.:8080",
        IDENTITY_LOCAL_NAME: "web.emojivoto.serviceaccount.identity.linkerd.cluster.local",
        OUTBOUND_LISTEN_ADDRS: "127.0.0.1:4140,[::1]:4140",
        INBOUND_LISTEN_ADDR: "[::]:4143",
        INBOUND_CONNECT_TIMEOUT: "100ms",
        INBOUND_IPS: "10.1.0.5,fd00::5",
        INBOUND_PORTS: "8080,9000-9002",
        INBOUND_PORTS_DISABLE_PROTOCOL_DETECTION: "25,587,4000-4100",
        INBOUND_DETECT_TIMEOUT: "365d",
        POLICY_CLUSTER_NETWORKS: "10.0.0.0/8,fd00::/8",
        SHUTDOWN_GRACE_PERIOD: "0",
        SHUTDOWN_ENDPOINT_ENABLED: "true",
        ACCESS_LOG: "json",
        CORES: "1",
      }),
    );
    expect(config.outbound.listen).toEqual([
      { ip: "127.0.0.1", port: 4140 },
      { ip: "::1", port: 4140 },
    ]);
    expect(config.inbound.listen.ip).toBe("::");
    expect(config.inbound.connectTimeout).toBe(100);
    expect(config.inbound.ports).toEqual([8080, 9000, 9001, 9002]);
    expect(config.inbound.opaquePorts).toContainEqual({ from: 4000, to: 4100 });
    expect(config.inbound.clusterNetworks.length).toBe(2);
    expect(config.identity?.service.identity).toBeNull();
    expect(config.control.destination.identity).toStartWith("linkerd-destination.");
    expect(config.inbound.accessLog).toBe("json");
    expect(config.admin.shutdownEndpoint).toBe(true);
    expect(config.unknown).toEqual([]);
  });

  test("names each bad variable with its value", () => {
    const message = problems({
      INBOUND_LISTEN_ADDR: "somewhere",
      OUTBOUND_CONNECT_TIMEOUT: "10",
      INBOUND_PORTS: "80,http",
      INBOUND_DEFAULT_POLICY: "everyone",
      DESTINATION_PROFILE_NETWORKS: "10.0.0.0/99",
    });
    expect(message).toContain('LINKERD2_PROXY_INBOUND_LISTEN_ADDR="somewhere" is not an address');
    expect(message).toContain('LINKERD2_PROXY_OUTBOUND_CONNECT_TIMEOUT="10" is not a duration');
    expect(message).toContain('LINKERD2_PROXY_INBOUND_PORTS: Port list "80,http" has the invalid part "http"');
    expect(message).toContain('LINKERD2_PROXY_INBOUND_DEFAULT_POLICY="everyone" is not one of');
    expect(message).toContain("LINKERD2_PROXY_DESTINATION_PROFILE_NETWORKS");
    expect(message.split("\n").length).toBe(5);
  });

  test("refuses half of an identity, and a remote control plane without a name", () => {
    expect(problems({ IDENTITY_DIR: "/x" })).toContain("LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS is not set");
    const identity = {
      IDENTITY_DIR: "/x",
      IDENTITY_TRUST_ANCHORS: "-----BEGIN CERTIFICATE-----",
      IDENTITY_TOKEN_FILE: "/t",
      IDENTITY_LOCAL_NAME: "a.b",
      IDENTITY_SVC_ADDR: "10.0.0.1:8080",
    };
    expect(problems(identity)).toStartWith("LINKERD2_PROXY_IDENTITY_SVC_NAME is not set");
    expect(problems({ ...identity, IDENTITY_LOCAL_NAME: "A_B", IDENTITY_SVC_NAME: "i.x" })).toContain(
      "IDENTITY_LOCAL_NAME",
    );
  });

  test("reports a missing destination service", () => {
    expect(() => readConfig({})).toThrow("LINKERD2_PROXY_DESTINATION_SVC_ADDR is not set");
  });

  test("lists unknown variables and accepts them", () => {
    expect(readConfig(p({ ...least, CORES: "1", CORES_MIN: "1" })).unknown).toEqual([]);
    expect(readConfig(p({ ...least, FUTURE_THING: "1" })).unknown).toEqual(["LINKERD2_PROXY_FUTURE_THING"]);
  });
});
