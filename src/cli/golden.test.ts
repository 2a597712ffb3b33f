/** Whole commands: one input, one expected output each. */
import { afterAll, describe, expect, test } from "bun:test";
import { version } from "#lib/version.ts";
import { resources } from "#kube/resource.ts";
import type { FakeApi } from "#kube/testing/fake-api.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import { emptyCluster, installedCluster, putPod } from "./testing/fake-cluster.ts";
import { expectGolden, inputPath } from "./testing/golden.ts";
import { type CliOptions, type CliResult, runCli } from "./testing/run-cli.ts";

const clusters: FakeApi[] = [];
function keep(api: FakeApi): FakeApi {
  clusters.push(api);
  return api;
}
afterAll(async () => {
  for (const api of clusters) await api.stop();
});

/** Both outputs and the exit code as one text. */
function transcript(argv: readonly string[], { code, out, err }: CliResult): string {
  const errors = err === "" ? "" : `--- standard error\n${err}`;
  return `$ linkerd ${argv.join(" ")}\n${out}${errors}--- exit code ${code}\n`;
}

async function golden(name: string, argv: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const result = await runCli(argv, options);
  expectGolden(`${name}.txt`, transcript(argv, result));
  return result;
}

/** An application with a proxy of this version and one of an older one. */
function withApplication(api: FakeApi): FakeApi {
  api.put(resources.namespaces, { metadata: { name: "app" } });
  putPod(api, "web-1", "app", version, { app: "web" });
  putPod(api, "web-2", "app", "edge-26.8.3", { app: "web", "linkerd.io/inject": "enabled" });
  return api;
}

describe("check", () => {
  const wait = ["--wait", "0s"];

  test("before the installation", async () => {
    await golden("check-pre", ["check", "--pre"], { api: keep(emptyCluster()) });
  });

  test("before a second installation", async () => {
    await golden("check-pre-second", ["check", "--pre"], { api: keep(installedCluster()) });
  });

  test("of the resource types alone", async () => {
    await golden("check-crds", ["check", "--crds"], { api: keep(installedCluster()) });
    await golden("check-crds-missing", ["check", "--crds", ...wait], { api: keep(emptyCluster()) });
  });

  test("of a control plane that is well", async () => {
    const api = keep(installedCluster());
    await golden("check", ["check", ...wait], { api });
    await golden("check-short", ["check", "-o", "short", ...wait], { api });
    await golden("check-json", ["check", "-o", "json", ...wait], { api });
  });

  test("of the data plane, with an old proxy and a label that should be an annotation", async () => {
    await golden("check-proxy", ["check", "--proxy", "-n", "app", ...wait], {
      api: keep(withApplication(installedCluster())),
    });
  });

  test("of a control plane of another version", async () => {
    const api = keep(installedCluster({ version: "9.9.9" }));
    await golden("check-versions", ["check", "-o", "short", ...wait], { api });
  });

  test("without a control plane, a cluster or sense", async () => {
    await golden("check-nothing", ["check", "-o", "short", ...wait], { api: keep(emptyCluster()) });
    await golden("check-no-cluster", ["check", ...wait]);
    await golden("check-contradiction", ["check", "--pre", "--proxy"]);
  });

  test("in high availability with one replica, and with the extension's executable missing", async () => {
    const api = keep(installedCluster({ layers: [{ highAvailability: true, cniEnabled: true }] }));
    api.put(resources.namespaces, { metadata: { name: "smi", labels: { "linkerd.io/extension": "smi" } } });
    api.put(resources.namespaces, { metadata: { name: "smi2", labels: { "linkerd.io/extension": "smi" } } });
    await golden("check-ha-cni", ["check", "-o", "short", ...wait], { api });
  });
});

describe("installing", () => {
  test("install refuses a second control plane and missing resource types", async () => {
    await golden("install-second", ["install"], { api: keep(installedCluster()) });
    await golden("install-no-crds", ["install"], { api: keep(emptyCluster()) });
    const anchors = ["--identity-trust-anchors-file", inputPath("ca.crt")];
    await golden("install-anchors-alone", ["install", "--ignore-cluster", ...anchors]);
    await golden("install-external-alone", ["install", "--ignore-cluster", "--identity-external-issuer"]);
    await golden("install-half-issuer", ["install", "--ignore-cluster", "--identity-issuer-key-file", "k.pem"]);
  });

  test("install says which values have no effect", async () => {
    const { code, err } = await runCli(["install", "--ignore-cluster", "--set", "kubeAPI.clientQPS=5"]);
    expect([code, err]).toEqual([0, expect.stringContaining('‼ Value "kubeAPI" has no effect here: ')]);
  });

  test("upgrade without a change renders what is installed, with the same certificates", async () => {
    const api = keep(installedCluster({ layers: [{ controllerReplicas: 2 }] }));
    const { out, err, code } = await runCli(["upgrade", "-o", "json"], { api });
    expect({ err, code }).toEqual({ err: "", code: 0 });
    for (const text of out.split(/(?<=^\}\n)/m)) {
      const object = JSON.parse(text) as KubeObject & { readonly spec?: unknown; readonly data?: unknown };
      const resource = Object.values(resources).find(({ kind }) => kind === object.kind);
      const installed = api.read<typeof object>(resource!, object.metadata.name, object.metadata.namespace);
      expect(object.spec).toEqual(installed?.spec);
      expect(object.data).toEqual(installed?.data);
    }
  });

  test("upgrade says what is in its way", async () => {
    await golden("upgrade-not-installed", ["upgrade", "--from-manifests", inputPath("app.yaml")]);
    await golden("upgrade-no-crds", ["upgrade"], { api: keep(emptyCluster()) });
    await golden("upgrade-unknown-value", ["upgrade", "--set", "proxy.logLevl=debug"], {
      api: keep(installedCluster()),
    });
  });

  test("upgrade to an older version is noted", async () => {
    const { err, code } = await runCli(["upgrade"], { api: keep(installedCluster({ version: "9.9.9" })) });
    expect({ err, code }).toEqual({
      err: `‼ The control plane is of version 9.9.9, which is newer than this executable's ${version}\n`,
      code: 0,
    });
  });

  test("upgrade leaves out stored values that it does not know, and says so", async () => {
    const api = keep(installedCluster());
    const text = "proxyInit: {gone: {name: reg/proxy-init}}\ncontrollerReplicas: 4\n";
    const secret = api.read<KubeObject & { readonly data: Record<string, string> }>(
      resources.secrets,
      "linkerd-config-overrides",
      "linkerd",
    )!;
    const data = { "linkerd-config-overrides": Buffer.from(text).toString("base64") };
    api.put(resources.secrets, { ...secret, data } as KubeObject);
    const { out, err, code } = await runCli(["upgrade"], { api });
    expect(code).toBe(0);
    expect(err).toBe(
      '‼ The installation has the value "proxyInit.gone", which this version does not know; it is left out\n',
    );
    expect(out).toContain("replicas: 4");
  });

  test("prune names what this version does not have", async () => {
    const api = keep(installedCluster());
    await golden("prune-nothing", ["prune"], { api });
    const labels = { "linkerd.io/control-plane-ns": "linkerd" };
    api.put(resources.configMaps, { metadata: { name: "linkerd-config-addons", namespace: "linkerd", labels } });
    api.put(resources.clusterRoles, { metadata: { name: "linkerd-linkerd-web", labels } });
    await golden("prune", ["prune"], { api });
  });

  test("uninstall names everything, but not while it is used", async () => {
    const api = keep(installedCluster());
    await golden("uninstall", ["uninstall"], { api });
    api.put(resources.namespaces, { metadata: { name: "linkerd-viz", labels: { "linkerd.io/extension": "viz" } } });
    await golden("uninstall-used", ["uninstall"], { api: withApplication(api) });
    expect((await runCli(["uninstall", "-f"], { api })).code).toBe(0);
  });

  test("uninstall never names a namespace that is not the installation's own", async () => {
    const { out, code } = await runCli(["uninstall", "-L", "kube-system"], { api: keep(emptyCluster()) });
    expect({ out, code }).toEqual({ out: "", code: 1 });
  });
});

describe("workloads", () => {
  test("inject annotates, keeps comments and reports", async () => {
    await golden("inject", ["inject", "--proxy-log-level", "debug", inputPath("app.yaml")]);
    await golden("inject-verbose", ["inject", "--verbose", "-o", "json", "-"], {
      stdin: "kind: Namespace\napiVersion: v1\nmetadata: {name: app}\n",
    });
    await golden("inject-nothing", ["inject", "-"], { stdin: "kind: ConfigMap\nmetadata: {name: c}\n---\nfoo: 1\n" });
    await golden("inject-no-file", ["inject", "no-such-file.yaml"]);
    await golden("inject-no-anchors", ["inject", "--manual", "--ignore-cluster", inputPath("app.yaml")]);
    await golden("inject-plain-http", ["inject", "http://example.org/app.yaml"]);
  });

  test("injecting by hand a second time brings the newer settings, and uninject takes all out again", async () => {
    const trust = ["--identity-trust-anchors-file", inputPath("ca.crt")];
    const manual = ["inject", "--manual", "--ignore-cluster", ...trust];
    const once = await runCli([...manual, inputPath("app.yaml")]);
    const twice = await runCli([...manual, "--proxy-log-level", "trace", "-"], { stdin: once.out });
    expect(twice.out).toContain("value: trace");
    expect(twice.out.split("name: linkerd-proxy\n").length).toBe(once.out.split("name: linkerd-proxy\n").length);
    const back = await golden("uninject", ["uninject", "-"], { stdin: twice.out });
    expect(back.out).not.toContain("linkerd-proxy");
  });

  test("profile makes ServiceProfiles", async () => {
    const common = ["profile", "--ignore-cluster", "-n", "emojivoto"];
    await golden("profile-template", [...common, "--template", "web-svc"]);
    await golden("profile-proto", [...common, "--proto", inputPath("voting.proto"), "voting-svc"]);
    await golden("profile-open-api", [...common, "--open-api", inputPath("books.openapi.yaml"), "books"]);
    await golden("profile-json", [...common, "-o", "json", "--proto", inputPath("voting.proto"), "voting-svc"]);
    await golden("profile-nothing", [...common, "web-svc"]);
    await golden("profile-bad-name", [...common, "--template", "Web_Svc"]);
  });
});

describe("the rest", () => {
  test("version", async () => {
    await golden("version", ["version", "--proxy"], { api: keep(withApplication(installedCluster())) });
    await golden("version-short", ["version", "--short"], { api: keep(installedCluster()) });
    await golden("version-client", ["version", "--client"]);
    await golden("version-no-cluster", ["version"]);
  });

  test("completion", async () => {
    for (const shell of ["bash", "zsh", "fish"]) await golden(`completion-${shell}`, ["completion", shell]);
    await golden("completion-unknown", ["completion", "tcsh"]);
  });

  test("a command, flag or extension that does not exist is named", async () => {
    await golden("unknown-command", ["instal"]);
    await golden("unknown-flag", ["check", "--waait", "1s"]);
    await golden("missing-argument", ["inject"]);
    await golden("moved-to-viz", ["stat", "--help"]);
  });

  test("an executable on PATH is the command of its name, with all words behind it", async () => {
    const { code } = await runCli(["true-extension"], { env: { PATH: "/nowhere" } });
    expect(code).toBe(1);
  });
});
