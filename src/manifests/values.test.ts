import { expect, test } from "bun:test";
import { highAvailabilityLayer, publicValues, registryLayer, resolveValues, trustDomainOf } from "./values.ts";
import { ignoredSettings } from "./values/rules.ts";
import { parseSet, setFileLayer } from "./values/set.ts";

test("the defaults of the contract", () => {
  const values = resolveValues();
  expect(values.proxy.ports).toEqual({ admin: 4191, control: 4190, inbound: 4143, outbound: 4140 });
  expect(values.proxy.opaquePorts).toBe("25,587,3306,4444,5432,6379,9300,11211");
  expect(values.proxyInit.kubeAPIServerPorts).toBe("443,6443");
  expect(values.identity.issuer.issuanceLifetime).toBe("24h0m0s");
  expect(trustDomainOf(values)).toBe("cluster.local");
});

test("values that are unknown, mistyped or don't fit together are refused by path", () => {
  const cases: Array<[setting: string, message: string]> = [
    ["proxy.logLevl=debug", 'There is no value "proxy.logLevl"; did you mean "proxy.logLevel"'],
    ["banana=1", 'There is no value "banana"'],
    ["proxy.ports.admin=http", 'Value "proxy.ports.admin" is "http"; expected a whole number from 1 to 65535'],
    ["proxy=1", 'Value "proxy" is 1; expected an object'],
    ["proxy.await=maybe", 'Value "proxy.await" is "maybe"; expected true or false'],
    [
      "proxy.defaultInboundPolicy=open",
      'Value "proxy.defaultInboundPolicy" is "open"; expected one of "all-unauthenticated", "all-authenticated", "cluster-unauthenticated", "cluster-authenticated", "deny", "audit"',
    ],
    ["proxy.opaquePorts=x", 'Value "proxy.opaquePorts" is not a list of ports'],
    ["clusterNetworks=10.0.0.0", 'Value "clusterNetworks" is "10.0.0.0"; expected networks such as'],
    [
      "identity.issuer.issuanceLifetime=1day",
      'Value "identity.issuer.issuanceLifetime" is "1day"; expected a duration',
    ],
    ["policyController.probeNetworks={10.0.0.0/8,x}", 'Value "policyController.probeNetworks[1]" is "x"'],
    ["proxyInit.closeWaitTimeoutSecs=3", 'needs "proxyInit.runAsRoot"'],
    ["enablePSP=true", 'Value "enablePSP" is true, but Kubernetes has no pod security policies'],
    ["proxy.tracing.enabled=true", 'needs "proxy.tracing.collector.endpoint"'],
  ];
  for (const [setting, message] of cases) expect(() => resolveValues(parseSet(setting))).toThrow(message);
});

test("values that nothing here can follow are told, when somebody set them", () => {
  const found = ignoredSettings(parseSet("kubeAPI.clientQPS=7,disableHeartBeat=true,identity.externalCA=true"));
  expect(found.map(({ path }) => path)).toEqual(["disableHeartBeat", "kubeAPI"]);
  expect(ignoredSettings({})).toEqual([]);
});

test("later layers win, objects (and the user's maps over their defaults) merge, lists are replaced, null removes", () => {
  const values = resolveValues(
    {
      proxy: { logLevel: "debug", uid: 1 },
      policyController: { probeNetworks: ["10.0.0.0/8"] },
      nodeSelector: { a: "b" },
    },
    { proxy: { uid: 2, logLevel: null }, policyController: { probeNetworks: ["::/0"] }, nodeSelector: { c: "d" } },
  );
  expect(values.proxy.uid).toBe(2);
  expect(values.proxy.logLevel).toBe("warn,linkerd=info,hickory=error");
  expect(values.policyController.probeNetworks).toEqual(["::/0"]);
  expect(values.nodeSelector).toEqual({ "kubernetes.io/os": "linux", a: "b", c: "d" });
});

test("--set reads Helm's language", () => {
  expect(parseSet("a.b=c,d=1,e=true,f=null,g=007,h={x,y},i[1].j=k,l\\.m=n,o=p\\,q,r={}")).toEqual({
    a: { b: "c" },
    d: 1,
    e: true,
    f: null,
    g: "007",
    h: ["x", "y"],
    i: [null, { j: "k" }],
    "l.m": "n",
    o: "p,q",
    r: [],
  });
  expect(parseSet("a=1", { asText: true })).toEqual({ a: "1" });
  expect(setFileLayer("identityTrustAnchorsPEM", "PEM, with=all")).toEqual({
    identityTrustAnchorsPEM: "PEM, with=all",
  });
});

test("--set refuses what it can't read, and names that would reach a prototype", () => {
  for (const bad of ["a", "=1", "a..b=1", "a[x]=1", "a={1", "a[5000]=1"])
    expect(() => parseSet(bad)).toThrow(`"${bad}"`);
  for (const bad of ["__proto__.x=1", "a.constructor=1"]) expect(() => parseSet(bad)).toThrow("is not allowed");
  expect(() => resolveValues(JSON.parse('{"__proto__": {"x": 1}}'))).toThrow("is not allowed");
});

test("YAML's own types are taken where text is meant", () => {
  const values = resolveValues({ linkerdVersion: 2, proxy: { opaquePorts: 25, logHTTPHeaders: false, cores: "2" } });
  expect([values.linkerdVersion, values.proxy.opaquePorts, values.proxy.logHTTPHeaders, values.proxy.cores]).toEqual([
    "2",
    "25",
    "off",
    2,
  ]);
});

test("the high-availability preset gives way to the user", () => {
  const values = resolveValues(highAvailabilityLayer, { controllerReplicas: 5 });
  expect(values.controllerReplicas).toBe(5);
  expect(values.webhookFailurePolicy).toBe("Fail");
});

test("a registry replaces all images", () => {
  const values = resolveValues(registryLayer("example.com/mesh/"));
  expect([values.controllerImage, values.proxy.image.name, values.debugContainer.image.name]).toEqual([
    "example.com/mesh/controller",
    "example.com/mesh/proxy",
    "example.com/mesh/debug",
  ]);
});

test("public values hold no keys, and can be read back", () => {
  const values = resolveValues({
    identity: { issuer: { tls: { crtPEM: "c", keyPEM: "secret" } } },
    proxyInjector: { keyPEM: "secret" },
  });
  const text = JSON.stringify(publicValues(values));
  expect(text).not.toContain("secret");
  expect(resolveValues(JSON.parse(text))).toEqual(publicValues(values));
});
