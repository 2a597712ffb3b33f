import { expect, test } from "bun:test";
import { expectGolden, input } from "../testing/golden.ts";
import { testValues } from "../testing/fixtures.ts";
import { parseYaml } from "../yaml.ts";
import { injectYaml, reportLines, uninjectYaml, type InjectYamlOptions } from "./inject-yaml.ts";

function options(changes: Partial<InjectYamlOptions> = {}): InjectYamlOptions {
  return {
    manual: false,
    values: testValues(),
    controlPlaneNamespace: "linkerd",
    createdBy: "linkerd/cli test-version",
    source: "web.yaml",
    ...changes,
  };
}

test("inject annotates workloads and namespaces and leaves everything else byte by byte", () => {
  const { yaml, report, warnings } = injectYaml(input("deployment.input.yaml"), options());
  expectGolden("deployment.annotated.golden.yaml", yaml);
  expect(reportLines(report)).toEqual([
    'namespace "shop" annotated',
    'deployment "web" injected',
    'service "web" skipped',
    'cronjob "nightly" injected',
    'configmap "settings" skipped',
  ]);
  expect(warnings).toEqual([]);
});

test("inject --manual adds the containers", () => {
  const { yaml } = injectYaml(input("deployment.input.yaml"), options({ manual: true }));
  expectGolden("deployment.manual.golden.yaml", yaml);
});

test("uninject takes out what inject --manual put in", () => {
  const text = input("deployment.input.yaml");
  const injected = injectYaml(text, options({ manual: true })).yaml;
  const { yaml, report } = uninjectYaml(injected);
  expect(reportLines(report)).toContain('deployment "web" uninjected');
  const before = parseYaml(text.replace(/^ +annotations:\n +config.linkerd.io.*\n/m, ""), "before");
  expect(parseYaml(yaml, "after")).toEqual(before);
});

test("strings that YAML 1.1 or 1.2 would read as something else stay strings", () => {
  const text =
    "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  labels: {a: 'yes', b: '012', c: '1e3', d: '0o7', e: 'on', f: '1_000'}\nspec:\n  containers: []\n";
  const { yaml } = injectYaml(text, options({ manual: true, annotations: { "config.linkerd.io/proxy-uid": "2102" } }));
  const [pod] = parseYaml(yaml, "after");
  expect(pod?.metadata).toMatchObject({ labels: { a: "yes", b: "012", c: "1e3", d: "0o7", e: "on", f: "1_000" } });
  expect(yaml).toContain('config.linkerd.io/proxy-uid: "2102"');
});

test("an anchor that an edit would change for its aliases is written out", () => {
  const text =
    "apiVersion: v1\nkind: List\nitems:\n- &a\n  apiVersion: v1\n  kind: Pod\n  metadata: {name: a}\n  spec: {containers: []}\n- *a\n";
  const pods = parseYaml(injectYaml(text, options()).yaml, "after")[0]?.items as Array<{ metadata: object }>;
  expect(pods.map(({ metadata }) => metadata)).toEqual(
    [1, 2].map(() => ({ name: "a", annotations: { "linkerd.io/inject": "enabled" } })),
  );
});

test("a syntax error names the file, line and column", () => {
  expect(() => injectYaml("a: b\n---\na: b\n  c: d\n", options())).toThrow(/Could not read YAML of web.yaml:3:\d+/);
});

test("objects that get no proxy are reported with the reason", () => {
  const pod = (name: string, spec: string, annotations = "") =>
    `apiVersion: v1\nkind: Pod\nmetadata:\n  name: ${name}\n${annotations}spec: {containers: [${spec}]}\n---\n`;
  const text =
    pod("udp", "{name: a, ports: [{containerPort: 53, protocol: UDP}]}") +
    pod("istio", "{name: istio-proxy}") +
    pod("disabled", "{name: a}", "  annotations: {linkerd.io/inject: disabled}\n") +
    pod("typo", "{name: a}", "  annotations: {config.linkerd.io/proxy-log-leve: debug}\n");
  const { report, warnings } = injectYaml(text, options());
  expect(reportLines(report)).toEqual([
    'pod "udp" injected',
    'pod "istio" skipped',
    'pod "disabled" skipped',
    'pod "typo" injected',
  ]);
  expect(warnings).toEqual([
    'annotation "config.linkerd.io/proxy-log-leve" of pod/typo is unknown; did you mean "config.linkerd.io/proxy-log-level"?',
    "known 3rd party sidecar detected in pod/istio",
    '"linkerd.io/inject: disabled" annotation set on pod/disabled',
    'pod/udp uses "protocol: UDP"',
  ]);
});

test("only unsupported objects give a warning", () => {
  expect(injectYaml("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n", options()).warnings).toEqual([
    "no supported objects found",
  ]);
});

test("a bad annotation value is an error before the webhook meets it", () => {
  const text =
    "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  annotations: {config.linkerd.io/inbound-port: '80000'}\nspec: {containers: []}\n";
  expect(() => injectYaml(text, options())).toThrow(
    'Annotation "config.linkerd.io/inbound-port" of pod/a is "80000"; allowed is a whole number from 1 to 65535',
  );
});
