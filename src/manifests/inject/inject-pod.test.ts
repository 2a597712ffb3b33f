import { expect, test } from "bun:test";
import { applyPatch, type Operation } from "fast-json-patch";
import { testContext, testValues } from "../testing/fixtures.ts";
import { expectGolden } from "../testing/golden.ts";
import type { JsonObject } from "../json.ts";
import { toYaml } from "../yaml.ts";
import { inheritedAnnotations, proxyAnnotations } from "./annotations.ts";
import { injectPod, type InjectContext } from "./inject-pod.ts";
import type { PodTemplate } from "./pod.ts";

const web = {
  metadata: { name: "web-1", labels: { app: "web" } },
  spec: {
    initContainers: [{ name: "migrate", image: "example.com/migrate:1" }],
    containers: [
      {
        name: "web",
        image: "example.com/web:1",
        ports: [
          { name: "http", containerPort: 8080 },
          { name: "mysql", containerPort: 3306 },
        ],
        livenessProbe: { httpGet: { port: 9000 } },
        readinessProbe: { httpGet: { port: "http" } },
      },
    ],
    volumes: [{ name: "data" }],
  },
} satisfies PodTemplate;

interface Injected {
  metadata: { labels: Record<string, string>; annotations: Record<string, string> };
  spec: {
    initContainers: Array<JsonObject & { name: string; args: string[]; env: Array<{ name: string; value?: string }> }>;
    containers: Array<JsonObject & { name: string; env: Array<{ name: string; value?: string }> }>;
    volumes: Array<{ name: string }>;
  };
}

/** The pod after the patch. */
function inject(pod: PodTemplate, changes: Partial<InjectContext> = {}): Injected {
  const result = injectPod(pod, testContext(changes));
  if (result.kind !== "injected") throw new Error(`skipped: ${result.reasons.join()}`);
  // Through JSON, as the API server would get it.
  const patch = JSON.parse(JSON.stringify(result.patch)) as Operation[];
  return applyPatch(structuredClone(pod), patch, true).newDocument as unknown as Injected;
}

function annotated(annotations: Record<string, string>): PodTemplate {
  return { ...web, metadata: { ...web.metadata, annotations } };
}

/** The proxy's environment variable, without the common prefix. */
function env(pod: Injected, name: string): string | undefined {
  const proxy = [...pod.spec.initContainers, ...pod.spec.containers].find(
    (container) => container.name === "linkerd-proxy",
  );
  return proxy?.env.find((entry) => entry.name === `LINKERD2_PROXY_${name}`)?.value;
}

const names = (list: ReadonlyArray<{ name: string }>): string[] => list.map(({ name }) => name);

test("an injected pod", () => {
  expectGolden("pod.injected.golden.yaml", toYaml([inject(web) as unknown as JsonObject]));
});

test("a native sidecar comes behind the redirect and before the pod's own init containers", () => {
  const { spec } = inject(web);
  expect(names(spec.initContainers)).toEqual(["linkerd-init", "linkerd-proxy", "migrate"]);
  expect(spec.initContainers[1]).toMatchObject({ restartPolicy: "Always", startupProbe: { failureThreshold: 120 } });
  expect(names(spec.containers)).toEqual(["web"]);
});

test("an ordinary sidecar comes first when the pod waits for it, else last", () => {
  const first = inject(annotated({ "config.linkerd.io/proxy-enable-native-sidecar": "false" }));
  expect(names(first.spec.initContainers)).toEqual(["migrate", "linkerd-init"]);
  expect(names(first.spec.containers)).toEqual(["linkerd-proxy", "web"]);
  expect(first.spec.containers[0]?.["lifecycle"]).toMatchObject({ postStart: {} });
  expect(first.metadata.annotations["kubectl.kubernetes.io/default-container"]).toBe("web");
  const last = inject(
    annotated({
      "config.linkerd.io/proxy-enable-native-sidecar": "false",
      "config.linkerd.io/proxy-await": "disabled",
      "config.alpha.linkerd.io/proxy-wait-before-exit-seconds": "5",
    }),
  );
  expect(names(last.spec.containers)).toEqual(["web", "linkerd-proxy"]);
  expect(last.spec.containers[1]?.["lifecycle"]).toEqual({ preStop: { sleep: { seconds: 5 } } });
});

test("under the CNI plugin the redirect is only checked", () => {
  const { spec } = inject(web, { values: testValues({ cniEnabled: true }) });
  expect(names(spec.initContainers)).toEqual(["linkerd-network-validator", "linkerd-proxy", "migrate"]);
  expect(names(spec.volumes)).not.toContain("linkerd-proxy-init-xtables-lock");
});

test("a pod without lists gets them", () => {
  const { spec, metadata } = inject({ spec: { containers: [{ name: "a" }] } });
  expect(names(spec.initContainers)).toEqual(["linkerd-init", "linkerd-proxy"]);
  expect(metadata.labels["linkerd.io/control-plane-ns"]).toBe("linkerd");
});

test("every owner kind has its label, long names are cut to a label's length", () => {
  const label = (kind: string, name = "x"): string[] =>
    Object.keys(inject(web, { owner: { kind, name } }).metadata.labels).filter((key) =>
      key.startsWith("linkerd.io/proxy-"),
    );
  for (const kind of [
    "Deployment",
    "ReplicaSet",
    "ReplicationController",
    "DaemonSet",
    "StatefulSet",
    "Job",
    "CronJob",
  ]) {
    expect(label(kind)).toEqual([`linkerd.io/proxy-${kind.toLowerCase()}`]);
  }
  expect(label("Workflow")).toEqual([]);
  const long = inject(web, { owner: { kind: "Job", name: `${"a".repeat(62)}-b` } });
  expect(long.metadata.labels["linkerd.io/proxy-job"]).toBe("a".repeat(62));
});

test("opaque ports are those that the pod declares and that are opaque by default", () => {
  expect(inject(web).metadata.annotations["config.linkerd.io/opaque-ports"]).toBe("3306");
  expect(env(inject(web), "INBOUND_PORTS_DISABLE_PROTOCOL_DETECTION")).toBe("3306");
  const named = inject(annotated({ "config.linkerd.io/opaque-ports": "http, 5000-6000" }));
  expect(env(named, "INBOUND_PORTS_DISABLE_PROTOCOL_DETECTION")).toBe("8080,5000-6000");
});

test("the pod's ports include those of its HTTP probes", () => {
  expect(env(inject(web), "INBOUND_PORTS")).toBe("3306,8080,9000");
});

test("annotations of the namespace are taken over unless the pod has its own", () => {
  const pod = inject(annotated({ "config.linkerd.io/proxy-log-level": "debug" }), {
    namespaceAnnotations: {
      "linkerd.io/inject": "enabled",
      "config.linkerd.io/proxy-log-level": "trace",
      "config.linkerd.io/admin-port": "9191",
      "config.linkerd.io/enable-gateway": "true",
      "config.linkerd.io/proxy-additional-env": '[{"name":"A","value":"ns"},{"name":"B","value":"ns"}]',
    },
  });
  expect(env(pod, "LOG")).toStartWith("debug,");
  expect(env(pod, "ADMIN_LISTEN_ADDR")).toBe("0.0.0.0:9191");
  expect(env(pod, "INBOUND_GATEWAY_SUFFIXES")).toBeUndefined();
  expect(pod.metadata.annotations).toMatchObject({ "config.linkerd.io/admin-port": "9191" });
});

test("additional environment variables merge values, namespace and pod, the later winning by name", () => {
  const pod = inject(annotated({ "config.linkerd.io/proxy-additional-env": '[{"name":"C","value":"pod"}]' }), {
    values: testValues({ proxy: { additionalEnv: ["A", "B", "C"].map((name) => ({ name, value: "values" })) } }),
    namespaceAnnotations: {
      "linkerd.io/inject": "enabled",
      "config.linkerd.io/proxy-additional-env": '[{"name":"B","value":"ns"},{"name":"C","value":"ns"}]',
    },
  });
  const proxy = pod.spec.initContainers[1];
  expect(proxy?.env.slice(-3)).toEqual([
    { name: "A", value: "values" },
    { name: "B", value: "ns" },
    { name: "C", value: "pod" },
  ]);
});

test("each annotation does what it says", () => {
  const config = (key: string, value: string): Injected => inject(annotated({ [`config.linkerd.io/${key}`]: value }));
  const cases: Array<[key: string, value: string, name: string, expected: string]> = [
    ["inbound-port", "1143", "INBOUND_LISTEN_ADDR", "0.0.0.0:1143"],
    ["outbound-port", "1140", "OUTBOUND_LISTEN_ADDRS", "127.0.0.1:1140"],
    ["control-port", "1190", "CONTROL_LISTEN_ADDR", "0.0.0.0:1190"],
    ["pod-inbound-ports", "1,2", "INBOUND_PORTS", "1,2"],
    ["proxy-require-identity-inbound-ports", "8080", "INBOUND_PORTS_REQUIRE_IDENTITY", "8080"],
    ["proxy-outbound-connect-timeout", "1.5s", "OUTBOUND_CONNECT_TIMEOUT", "1500ms"],
    ["proxy-inbound-connect-timeout", "1m", "INBOUND_CONNECT_TIMEOUT", "60000ms"],
    ["proxy-outbound-discovery-cache-unused-timeout", "1m", "OUTBOUND_DISCOVERY_IDLE_TIMEOUT", "60s"],
    ["proxy-inbound-discovery-cache-unused-timeout", "10s", "INBOUND_DISCOVERY_IDLE_TIMEOUT", "10s"],
    ["proxy-disable-outbound-protocol-detect-timeout", "true", "OUTBOUND_DETECT_TIMEOUT", "365d"],
    ["proxy-disable-inbound-protocol-detect-timeout", "true", "INBOUND_DETECT_TIMEOUT", "365d"],
    ["proxy-metrics-hostname-labels", "true", "OUTBOUND_METRICS_HOSTNAME_LABELS", "true"],
    ["proxy-cpu-request", "1500m", "CORES_MIN", "2"],
    ["proxy-cpu-limit", "3", "CORES_MAX", "3"],
    ["proxy-cpu-ratio-limit", "0.5", "CORES_MAX_RATIO", "0.5"],
    ["proxy-log-format", "json", "LOG_FORMAT", "json"],
    ["proxy-log-http-headers", "insecure", "LOG", "warn,linkerd=info,hickory=error"],
    ["access-log", "apache", "ACCESS_LOG", "apache"],
    ["enable-external-profiles", "true", "DESTINATION_PROFILE_SUFFIXES", "."],
    ["default-inbound-policy", "deny", "INBOUND_DEFAULT_POLICY", "deny"],
    ["proxy-admin-shutdown", "enabled", "SHUTDOWN_ENDPOINT_ENABLED", "true"],
    ["shutdown-grace-period", "30s", "SHUTDOWN_GRACE_PERIOD", "30000ms"],
    ["enable-gateway", "true", "INBOUND_GATEWAY_SUFFIXES", "svc.cluster.local."],
  ];
  for (const [key, value, name, expected] of cases)
    expect([key, env(config(key, value), name)]).toEqual([key, expected]);
  const proxyOf = (pod: Injected) => pod.spec.initContainers[1] ?? {};
  const initArgs = (pod: Injected) => pod.spec.initContainers[0]?.args ?? [];
  expect(proxyOf(config("proxy-image", "example.com/p"))).toMatchObject({ image: "example.com/p:test-version" });
  expect(proxyOf(config("proxy-version", "v2"))).toMatchObject({ image: "cr.l5d.io/linkerd/proxy:v2" });
  expect(proxyOf(config("image-pull-policy", "Always"))).toMatchObject({ imagePullPolicy: "Always" });
  expect(proxyOf(config("proxy-memory-limit", "1Gi"))).toMatchObject({ resources: { limits: { memory: "1Gi" } } });
  expect(proxyOf(config("proxy-uid", "7"))).toMatchObject({ securityContext: { runAsUser: 7 } });
  expect(proxyOf(config("proxy-gid", "8"))).toMatchObject({ securityContext: { runAsGroup: 8 } });
  expect(initArgs(config("skip-inbound-ports", "22,http")).join(" ")).toContain(
    "--inbound-ports-to-ignore 4190,4191,22,8080",
  );
  expect(initArgs(config("skip-outbound-ports", "25")).join(" ")).toContain("--outbound-ports-to-ignore 25");
  expect(initArgs(config("skip-subnets", "10.0.0.0/8")).join(" ")).toContain("--subnets-to-ignore 10.0.0.0/8");
  expect(names(config("enable-debug-sidecar", "true").spec.containers)).toEqual(["web", "linkerd-debug"]);
});

test("every annotation refuses what it can't understand, naming itself, the object and what is allowed", () => {
  const bad = "\u0000?";
  // These take any text.
  const free = [
    "config.linkerd.io/proxy-image",
    "config.linkerd.io/proxy-version",
    "config.linkerd.io/proxy-log-level",
    "config.linkerd.io/debug-image",
    "config.linkerd.io/debug-image-version",
  ];
  for (const name of proxyAnnotations.filter((known) => !free.includes(known))) {
    expect(() => inject(annotated({ [name]: bad }))).toThrow(
      `Annotation "${name}" of deployment/web is "\\u0000?"; allowed is `,
    );
  }
  expect(() =>
    inject(web, { namespaceAnnotations: { "linkerd.io/inject": "enabled", "config.linkerd.io/admin-port": "0" } }),
  ).toThrow(
    'Annotation "config.linkerd.io/admin-port" of namespace/emojivoto is "0"; allowed is a whole number from 1 to 65535',
  );
});

test("a close-wait timeout without root is refused instead of ignored", () => {
  const pod = annotated({ "config.linkerd.io/close-wait-timeout": "30s" });
  expect(() => inject(pod)).toThrow('Value "proxyInit.runAsRoot" must be true');
  const { spec } = inject(pod, { values: testValues({ proxyInit: { runAsRoot: true } }) });
  expect(spec.initContainers[0]?.args.join(" ")).toContain("--timeout-close-wait-secs 30");
  expect(spec.initContainers[0]).toMatchObject({ securityContext: { privileged: true, runAsUser: 0 } });
});

test("only some annotations are taken over from a namespace", () => {
  const own = proxyAnnotations.filter((name) => !inheritedAnnotations.includes(name));
  expect(own.map((name) => name.replace("config.linkerd.io/", "")).toSorted()).toEqual([
    "close-wait-timeout",
    "debug-image",
    "debug-image-pull-policy",
    "debug-image-version",
    "enable-gateway",
    "proxy-cpu-ratio-limit",
  ]);
});

test("ingress mode comes from the word that decides", () => {
  const mode = (pod: string, namespace: string): string | undefined =>
    env(
      inject(pod === "" ? web : annotated({ "linkerd.io/inject": pod }), {
        namespaceAnnotations: namespace === "" ? {} : { "linkerd.io/inject": namespace },
      }),
      "INGRESS_MODE",
    );
  expect(mode("ingress", "")).toBe("true");
  expect(mode("", "ingress")).toBe("true");
  expect(mode("enabled", "ingress")).toBeUndefined();
});

test("a proxy without anchors is refused", () => {
  expect(() => inject(web, { values: testValues({ identityTrustAnchorsPEM: "" }) })).toThrow(
    'Value "identityTrustAnchorsPEM" is empty',
  );
});
