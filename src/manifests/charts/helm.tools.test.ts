/**
 * The charts by the real helm, versions 3 and 4, beside our own rendering of the same values, object by object. What the
 * command line adds to a chart is left out on our side: the Namespace and Secret `linkerd-config-overrides`.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { version } from "#lib/version.ts";
import { renderCni, resolveCniValues } from "../cni.ts";
import { renderCrds } from "../crds.ts";
import { renderControlPlane } from "../install.ts";
import { compact, isJsonObject, mergeJson, type Json, type JsonObject, type Manifest } from "../json.ts";
import { testCerts, testIssuer, anchors } from "../testing/fixtures.ts";
import { hasTool, helms, helmTemplate } from "../testing/helm.ts";
import { readConfig, resolveValues } from "../values.ts";
import { controlPlaneValues } from "../values/control-plane.ts";
import { cniValues } from "../values/cni.ts";
import { defaultsOf, type Field } from "../values/field.ts";
import { parseSet } from "../values/set.ts";
import { parseYaml, yamlOf } from "../yaml.ts";

const charts = join(import.meta.dir, "../../../charts");
const chart = join(charts, "linkerd-control-plane");
const namespace = "mesh";
let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "linkerd-charts-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const nasty = `a "quoted" \\ %s {{ .Values }} <&> 'x' # no: comment`;
const base = mergeJson(testIssuer, { identityTrustAnchorsPEM: anchors }) as JsonObject;

/** Layers by the name of what they try. */
const cases: Record<string, readonly Json[]> = {
  defaults: [],
  "high availability": [haFile()],
  "the CNI plugin": [{ cniEnabled: true }],
  "an external issuer in our scheme": [{ identity: { externalCA: true } }, testCerts],
  "an external issuer in the scheme kubernetes.io/tls": [
    { identity: { externalCA: true, issuer: { scheme: "kubernetes.io/tls", tls: { crtPEM: "", keyPEM: "" } } } },
    testCerts,
  ],
  "anchors given and the issuer in the scheme kubernetes.io/tls": [
    { identity: { issuer: { scheme: "kubernetes.io/tls" } } },
  ],
  "cert-manager": [
    {
      certManager: { enabled: true },
      identity: { externalCA: true, issuer: { scheme: "kubernetes.io/tls" } },
    },
  ],
  "webhook certificates in values": [testCerts],
  "webhook certificates of somebody else": [
    {
      proxyInjector: { externalSecret: true, injectCaFrom: "mesh/injector" },
      profileValidator: { externalSecret: true, injectCaFromSecret: "mesh/sp" },
      policyValidator: { externalSecret: true, caBundle: "authority\n" },
    },
  ],
  "proxies that are no native sidecars": [{ proxy: { nativeSidecar: false } }],
  "ordinary sidecars that nobody waits for": [{ proxy: { nativeSidecar: false, await: false } }],
  "native sidecars that nobody waits for": [{ proxy: { await: false, waitBeforeExitSeconds: 5 } }],
  "tokens that are not projected": [{ identity: { serviceAccountTokenProjection: false } }, testCerts],
  tracing: [
    {
      proxy: {
        tracing: {
          enabled: true,
          collector: { endpoint: "c:4317", meshIdentity: { serviceAccountName: "c", namespace: "t" } },
          labels: { b: "1", a: nasty },
        },
      },
    },
  ],
  "the pods' places": [
    {
      nodeSelector: { "kubernetes.io/os": "linux", pool: "a" },
      tolerations: [{ key: "x", operator: "Exists", tolerationSeconds: 3600 }],
      nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } },
      enablePodAntiAffinity: true,
      priorityClassName: "system-cluster-critical",
      runtimeClassName: "kata",
      deploymentStrategy: { type: "Recreate" },
    },
  ],
  "the pods' marks": [
    {
      commonLabels: { team: "mesh", "linkerd.io/control-plane-component": "mine", empty: "" },
      podLabels: { team: "mesh", "linkerd.io/workload-ns": "" },
      podAnnotations: { note: nasty, "linkerd.io/proxy-version": "mine" },
      identity: { podAnnotations: { only: "identity" } },
      proxyInjector: { podAnnotations: { only: "injector" } },
      destinationController: { podAnnotations: { only: "destination" } },
      imagePullSecrets: [{ name: "one" }, { name: "two" }],
      configReaders: [
        { name: "web", namespace: "viz" },
        { name: "tap", namespace: "viz" },
      ],
    },
  ],
  "resources, cores and users": [
    {
      proxy: {
        cores: 2,
        uid: 1500000000,
        gid: 2102,
        resources: { cpu: { limit: "1", request: "100m" }, "ephemeral-storage": { limit: "1Gi" } },
        runtime: { workers: { minimum: 2, maximum: 4, maximumCPURatio: 0.5 } },
      },
      identityProxyResources: { cores: 3, memory: { limit: "64Mi" } },
      destinationProxyResources: { cpu: { limit: "3" } },
      controllerResources: { cpu: { request: "10m" }, "ephemeral-storage": { limit: "2Gi" } },
      identityResources: { memory: { limit: "250Mi", request: "10Mi" } },
      controllerUID: 2103000,
      controllerGID: 0,
    },
  ],
  "workers by ratio": [{ proxy: { runtime: { workers: { maximum: 4, maximumCPURatio: 0.25 } } } }],
  "images, logs and their forms": [
    {
      controllerImage: "registry.local/controller",
      controllerImageVersion: "v2",
      controllerLogFormat: "json",
      controllerLogLevel: "debug",
      proxy: {
        image: { name: "registry.local/proxy", version: "v3", pullPolicy: "Always" },
        logFormat: "json",
        logHTTPHeaders: "insecure",
        logLevel: nasty,
        accessLog: "apache",
        securityContext: { runAsUser: 7 },
      },
      debugContainer: { image: { name: "registry.local/debug" } },
    },
  ],
  "redirection: legacy iptables": [
    { proxyInit: { iptablesMode: "legacy", closeWaitTimeoutSecs: 7, runAsRoot: true, logLevel: "debug" } },
  ],
  "redirection: plain iptables": [
    {
      proxyInit: {
        iptablesMode: "plain",
        privileged: true,
        runAsUser: 0,
        runAsGroup: 7,
        ignoreInboundPorts: 4567,
        ignoreOutboundPorts: "",
        skipSubnets: "10.0.0.0/8",
        logFormat: "json",
        kubeAPIServerPorts: "443",
        xtMountPath: { mountPath: "/run/x", name: "xt" },
      },
    },
  ],
  "the network validator": [
    {
      cniEnabled: true,
      networkValidator: { connectAddr: "1.2.3.4:1", listenAddr: "0.0.0.0:2", securityContext: { runAsUser: 1 } },
    },
  ],
  "arguments and environment of one's own": [
    {
      destinationController: {
        additionalArgs: ["--a=1", nasty],
        experimentalArgs: ["--b"],
        additionalEnv: [{ name: "A", value: nasty }],
        experimentalEnv: [{ name: "B", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }],
        meshedHttp2ClientProtobuf: { keep_alive: { timeout: { seconds: 3 }, interval: { seconds: 10, note: "<&>" } } },
      },
      policyController: { additionalArgs: ["--c"], probeNetworks: [] },
      identity: { additionalEnv: [{ name: "C", value: "" }] },
      proxyInjector: { experimentalEnv: [{ name: "D", value: "1" }] },
      spValidator: { additionalEnv: [{ name: "E", value: "1" }] },
      proxy: { additionalEnv: [{ name: "F", value: "1" }], experimentalEnv: [{ name: "G", value: "1" }] },
    },
  ],
  "the webhooks' settings": [
    {
      webhookFailurePolicy: "Fail",
      proxyInjector: { timeoutSeconds: 3, namespaceSelector: { matchLabels: { a: "b" } }, objectSelector: {} },
      profileValidator: { namespaceSelector: {} },
    },
  ],
  "domains and networks": [
    {
      clusterDomain: "example.org",
      identityTrustDomain: "trust.example",
      clusterNetworks: "10.0.0.0/8",
      disableIPv6: false,
      egress: { globalEgressNetworkNamespace: "out" },
      proxy: {
        ports: { inbound: 1, outbound: 2, admin: 3, control: 4 },
        opaquePorts: "25",
        shutdownGracePeriod: "1m",
        requireIdentityOnInboundPorts: "1-3",
        outboundTransportMode: "transparent",
        defaultInboundPolicy: "deny",
      },
    },
  ],
  "monitors of the Prometheus Operator": [
    {
      podMonitor: {
        enabled: true,
        labels: { release: "prometheus" },
        scrapeInterval: "30s",
        controller: { namespaceSelector: "matchNames: [mesh]\n" },
        proxy: { honorTimestamps: true },
      },
    },
  ],
  "no monitors but one": [
    { podMonitor: { enabled: true, controller: { enabled: false }, serviceMirror: { enabled: false } } },
  ],
};

const cniCases: Record<string, Json> = {
  defaults: {},
  "ports, users and places": {
    inboundProxyPort: 1,
    outboundProxyPort: 2,
    proxyAdminPort: 3,
    proxyControlPort: 4,
    portsToRedirect: "80,443",
    ignoreInboundPorts: 22,
    ignoreOutboundPorts: "443",
    skipSubnets: "10.0.0.0/8",
    proxyUID: 2000000,
    proxyGID: 0,
    destCNINetDir: "/etc/x",
    destCNIBinDir: "/opt/x",
    iptablesMode: "plain",
    excludeNamespaces: ["a", "b"],
  },
  "the pods' marks": {
    image: { name: "r/c", version: "v2", pullPolicy: "Always" },
    repairController: { image: { name: "r/c", version: "v2" }, logFormat: "json", resources: { cpu: { limit: "1" } } },
    imagePullSecrets: [{ name: "one" }],
    priorityClassName: "",
    runtimeClassName: "kata",
    tolerations: [],
    updateStrategy: { type: "OnDelete", rollingUpdate: null },
    extraInitContainers: [{ name: "first", image: "x" }],
    commonLabels: { team: nasty.slice(0, 3) },
    podLabels: { a: "b" },
    podAnnotations: { a: nasty },
    resources: { memory: { limit: "256Mi", request: "64Mi" } },
  },
};
for (const [path, fallback] of booleans(cniValues, "")) {
  if (path !== "enablePSP") cniCases[`${path} = ${!fallback}`] = parseSet(`${path}=${!fallback}`);
}

/** Every boolean of the values, turned around; with what else it then needs. */
const needs: Record<string, readonly Json[]> = {
  "proxy.tracing.enabled": cases["tracing"] ?? [],
  "identity.serviceAccountTokenProjection": [testCerts],
  "identity.externalCA": [testCerts],
  "certManager.enabled": cases["cert-manager"] ?? [],
  "proxyInjector.externalSecret": [{ proxyInjector: { caBundle: "x" } }],
  "profileValidator.externalSecret": [{ profileValidator: { caBundle: "x" } }],
  "policyValidator.externalSecret": [{ policyValidator: { caBundle: "x" } }],
};
const refused = ["enableEndpointSlices", "enablePSP", "enablePprof", "controller.tracing.enabled"];
for (const [path, fallback] of booleans(controlPlaneValues, "")) {
  if (refused.includes(path)) continue;
  cases[`${path} = ${!fallback}`] = [parseSet(`${path}=${!fallback}`), ...(needs[path] ?? [])];
}

function booleans({ shape }: Field<Json>, path: string): Array<[path: string, fallback: boolean]> {
  if (shape.kind === "leaf") return typeof shape.fallback === "boolean" ? [[path, shape.fallback]] : [];
  return Object.entries(shape.members).flatMap(([name, member]) =>
    booleans(member, path === "" ? name : `${path}.${name}`),
  );
}

function haFile(): JsonObject {
  const [layer = {}] = parseYaml(readFileSync(join(chart, "values-ha.yaml"), "utf8"), "values-ha");
  return layer;
}

/** Objects by kind, namespace and name, in a form that compares by meaning. */
function byName(objects: readonly JsonObject[]): Record<string, Json> {
  const result: Record<string, Json> = {};
  for (const object of objects) {
    const { kind, metadata } = object as Manifest;
    const key = `${kind} ${metadata.namespace ?? ""}/${metadata.name}`;
    if (result[key] !== undefined) throw new Error(`${key} is there twice`);
    const data = object["data"];
    // The text of the configuration is printed by two YAML printers; its readers see the same values.
    result[key] =
      metadata.name === "linkerd-config" && kind === "ConfigMap" && isJsonObject(data)
        ? compact({ ...object, data: { ...data, values: readConfig(parseYaml(String(data["values"]), key)[0] ?? {}) } })
        : compact(object);
  }
  return result;
}

function valuesFile(name: string, layer: Json): string {
  const path = join(folder, `${name.replaceAll(/\W+/g, "-")}.yaml`);
  writeFileSync(path, yamlOf(layer as JsonObject));
  return path;
}

/** One layer of both, nulls included. */
function mergeDeep(base: Json | undefined, over: Json): Json {
  if (!isJsonObject(base) || !isJsonObject(over)) return over;
  const result: JsonObject = { ...base };
  for (const [name, member] of Object.entries(over)) result[name] = mergeDeep(result[name], member ?? null);
  return result;
}

const merged = (layers: readonly Json[]): JsonObject =>
  layers.reduce<Json>((all, layer) => mergeJson(all, layer), base) as JsonObject;

describe.each(helms)("%s", (helm) => {
  const tool = test.skipIf(!hasTool(helm));

  tool.each(Object.keys(cases))("renders what linkerd install renders: %s", async (name) => {
    const layer = merged(cases[name] ?? []);
    const theirs = await helmTemplate({ helm, chart, namespace, valueFiles: [valuesFile(`${helm}-${name}`, layer)] });
    if (typeof theirs === "string") throw new Error(theirs);
    const ours = renderControlPlane(
      resolveValues({ linkerdVersion: version, cliVersion: `linkerd/helm ${version}` }, layer),
      { namespace, createdBy: `linkerd/helm ${version}`, overrides: null, withNamespace: false },
    );
    expect(byName(theirs)).toEqual(byName(ours));
  });

  tool("takes a null for the end of a default", async () => {
    const nothing = {
      ...{ nodeSelector: null, tolerations: null, podAnnotations: null, podLabels: null, commonLabels: null },
      ...{ deploymentStrategy: null, configReaders: null, imagePullSecrets: null },
      proxy: { additionalEnv: null, tracing: { labels: null } },
      identity: { additionalEnv: null, podAnnotations: null },
      proxyInjector: { namespaceSelector: null, objectSelector: null },
    };
    const layer = merged([{}]);
    const text = valuesFile(`${helm}-null`, layer);
    writeFileSync(text, stringify(mergeDeep(layer, nothing)));
    const theirs = await helmTemplate({ helm, chart, namespace, valueFiles: [text] });
    if (typeof theirs === "string") throw new Error(theirs);
    const ours = renderControlPlane(
      resolveValues({ linkerdVersion: version, cliVersion: `linkerd/helm ${version}` }, layer, nothing),
      { namespace, createdBy: `linkerd/helm ${version}`, overrides: null, withNamespace: false },
    );
    // The configuration says nothing of what was taken away; who reads it goes by the defaults.
    const [left, right] = [byName(theirs), byName(ours)];
    delete left[`ConfigMap ${namespace}/linkerd-config`];
    delete right[`ConfigMap ${namespace}/linkerd-config`];
    expect(left).toEqual(right);
  });

  tool("says that values are older than the chart", async () => {
    const layer = merged([{ certManager: null }]);
    const text = valuesFile(`${helm}-old`, layer);
    writeFileSync(text, stringify({ ...layer, certManager: null }));
    expect(await helmTemplate({ helm, chart, namespace, valueFiles: [text] })).toContain("certManager");
  });

  tool("renders the definitions of install --crds", async () => {
    const theirs = await helmTemplate({ helm, chart: join(charts, "linkerd-crds"), namespace, valueFiles: [] });
    if (typeof theirs === "string") throw new Error(theirs);
    expect(byName(theirs)).toEqual(
      byName(renderCrds({ controlPlaneNamespace: namespace, createdBy: `linkerd/helm ${version}` })),
    );
  });

  tool.each(Object.keys(cniCases))("renders what linkerd install-cni renders: %s", async (name) => {
    const layer = cniCases[name] ?? {};
    const valueFiles = [valuesFile(`${helm}-cni-${name}`, layer)];
    const theirs = await helmTemplate({ helm, chart: join(charts, "linkerd2-cni"), namespace, valueFiles });
    if (typeof theirs === "string") throw new Error(theirs);
    const values = resolveCniValues({ linkerdVersion: version, cliVersion: `linkerd/helm ${version}` }, layer);
    const ours = renderCni(values, { namespace, createdBy: `linkerd/helm ${version}`, withNamespace: false });
    expect(byName(theirs)).toEqual(byName(ours));
  });

  tool.each([
    ["proxy.logLevl=debug", "logLevl"],
    ["proxy.await=maybe", "await"],
    ["proxy.ports.admin=70000", "admin"],
    ["proxy.defaultInboundPolicy=open", "defaultInboundPolicy"],
    ["proxyInit.closeWaitTimeoutSecs=3", 'needs "proxyInit.runAsRoot" to be true'],
    ["enablePprof=true", 'Value "enablePprof" is true'],
    ["identity.issuer.tls.keyPEM=", 'Value "identity.issuer.tls.keyPEM" is needed'],
    ["identityTrustAnchorsPEM=", 'Value "identityTrustAnchorsPEM" is needed'],
    ["identity.externalCA=true", 'Value "profileValidator.crtPEM" and its "keyPEM" are needed'],
  ])("refuses %s as linkerd install does", async (setting, message) => {
    const layer = merged([parseSet(setting)]);
    const theirs = await helmTemplate({
      helm,
      chart,
      namespace,
      valueFiles: [valuesFile(`${helm}-${setting}`, layer)],
    });
    expect(theirs).toContain(message);
    expect(() => renderControlPlane(resolveValues(layer), { namespace, createdBy: "", overrides: null })).toThrow(
      message,
    );
  });

  tool("prints the same text twice", async () => {
    const valueFiles = [valuesFile(`${helm}-twice`, merged([haFile()]))];
    const [first, second] = await Promise.all([1, 2].map(() => helmTemplate({ helm, chart, namespace, valueFiles })));
    expect(first).toEqual(second as JsonObject[]);
  });
});

test("every default is in values.yaml", () => {
  const text = readFileSync(join(chart, "values.yaml"), "utf8");
  const [values = {}] = parseYaml(text, "values.yaml");
  const changed = { linkerdVersion: version, cliVersion: `linkerd/helm ${version}` };
  expect(values).toEqual(mergeJson(defaultsOf(controlPlaneValues), changed) as JsonObject);
});
