import { describe, expect, test } from "bun:test";
import { pod } from "../testing/builders.ts";
import { decodeWorkload } from "./workload.ts";
import { listedPort } from "./port-list.ts";

describe("decodeWorkload", () => {
  test("reads the proxy's ports and the skipped ports back out of the pod", () => {
    const { proxy } = decodeWorkload(pod({ name: "a", ip: "10.0.0.1" }));
    expect(proxy).toEqual({
      controlPlaneNamespace: "linkerd",
      trustDomain: "cluster.local",
      inboundPort: 4143,
      adminPort: 4191,
      controlPort: 4190,
      skipInboundPorts: [4190, 4191, 4567, 4568].map((port) => ({ from: port, to: port })),
    });
  });

  test("other ports in the environment win over the defaults, garbage does not", () => {
    const object = pod({ name: "a" });
    const env = [
      { name: "LINKERD2_PROXY_INBOUND_LISTEN_ADDR", value: "0.0.0.0:5143,[::]:5143" },
      { name: "LINKERD2_PROXY_ADMIN_LISTEN_ADDR", value: "nonsense" },
    ];
    const initContainers = [{ name: "linkerd-proxy", env }];
    const { proxy } = decodeWorkload({ ...object, spec: { ...object.spec, initContainers } } as typeof object);
    expect(proxy).toMatchObject({ inboundPort: 5143, adminPort: 4191, trustDomain: null, skipInboundPorts: [] });
  });

  test("the proxy is found among ordinary containers too, and the annotation wins over the init container", () => {
    const object = pod({ name: "a", annotations: { "config.linkerd.io/skip-inbound-ports": "9000-9001,http" } });
    const { containers, initContainers = [] } = object.spec;
    const spec = { ...object.spec, containers: [...containers, ...initContainers], initContainers: [] };
    expect(decodeWorkload({ ...object, spec } as typeof object).proxy?.skipInboundPorts).toEqual([
      { from: 9000, to: 9001 },
      { from: 8080, to: 8080 },
    ]);
  });

  test("without the label or the container it is not meshed", () => {
    expect(decodeWorkload(pod({ name: "a", meshed: false })).proxy).toBe(null);
    const labelled = pod({ name: "a", meshed: false, labels: { "linkerd.io/control-plane-ns": "linkerd" } });
    expect(decodeWorkload(labelled).proxy).toBe(null);
  });

  test("collects the application's HTTP probes by port and path, not the proxy's own", () => {
    const probe = (path: string, port: number | string): object => ({ httpGet: { path, port } });
    const containers = [
      {
        name: "app",
        ports: [{ name: "http", containerPort: 8080 }],
        livenessProbe: probe("/live?full=1", "http"),
        readinessProbe: probe("ready", 8081),
        startupProbe: probe("/live", 8080),
      },
    ];
    expect(decodeWorkload(pod({ name: "a", containers })).probes).toEqual([
      { port: 8080, path: "/live" },
      { port: 8081, path: "/ready" },
    ]);
  });

  test("a pod in the host's network has no address of its own", () => {
    expect(decodeWorkload(pod({ name: "a", ip: "192.168.0.1", hostNetwork: true })).ips).toEqual([]);
  });
});

describe("port lists", () => {
  test("the first annotation that is set decides, even when empty", () => {
    const fallback = [{ from: 3306, to: 3306 }];
    expect(listedPort(3306, [undefined, undefined], fallback)).toBe(true);
    expect(listedPort(3306, ["", "3306"], fallback)).toBe(false);
    expect(listedPort(3306, [undefined, "3306"], [])).toBe(true);
  });
});
