import { expect, test } from "bun:test";
import { annotationsOf, installFlags, proxyFlags, valuesOf } from "./value-flags.ts";

test("flags become values at their paths, numbers as numbers", () => {
  const options = {
    proxyImage: "reg/proxy",
    inboundPort: "5143",
    proxyCpuRequest: "100m",
    enableExternalProfiles: true,
    imagePullPolicy: "Never",
  };
  expect(valuesOf(options, proxyFlags)).toEqual({
    proxy: {
      image: { name: "reg/proxy", pullPolicy: "Never" },
      ports: { inbound: 5143 },
      resources: { cpu: { request: "100m" } },
      runtime: { workers: { minimum: 1 } },
      enableExternalProfiles: true,
    },
    imagePullPolicy: "Never",
  });
  expect(valuesOf({ controllerReplicas: "3" }, installFlags)).toEqual({ controllerReplicas: 3 });
});

test("flags become annotations for inject", () => {
  expect(annotationsOf({ proxyLogLevel: "debug", skipInboundPorts: "22" }, proxyFlags)).toEqual({
    "config.linkerd.io/proxy-log-level": "debug",
    "config.linkerd.io/skip-inbound-ports": "22",
  });
});

test("a flag that wants a number says so", () => {
  expect(() => valuesOf({ inboundPort: "http" }, proxyFlags)).toThrow(
    'Flag --inbound-port has the value "http"; use a whole number',
  );
});
