/**
 * The tools people have already: helm installs, upgrades and removes the mesh, kubectl waits for it, watches it and
 * explains it, and events on a workload say what became of its pods.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateTrust } from "#manifests/trust.ts";
import { builtProgram } from "../kubernetes/build.ts";
import {
  clusterKind,
  eventually,
  hasKubectl,
  ok,
  repository,
  run,
  startCluster,
  toolboxImage,
  type TestCluster,
} from "../harness/cluster.ts";
import { allObjects, settledObjects } from "../harness/objects.ts";

/** helm is built from its modules, which takes minutes once: only where Kubernetes is built too. */
const hasHelm = clusterKind === "kubernetes" || process.env["LINKERD_E2E_HELM"] === "1";

describe.skipIf(!hasKubectl || !hasHelm)("stock tools", () => {
  let cluster: TestCluster;
  let folder = "";
  let before: string[] = [];
  const helm: Record<"helm3" | "helm4", string> = { helm3: "", helm4: "" };

  beforeAll(async () => {
    for (const name of ["helm3", "helm4"] as const) helm[name] = await builtProgram(name, console.log);
    folder = mkdtempSync(join(tmpdir(), "linkerd-tools-"));
    const trust = generateTrust({ controlPlaneNamespace: "linkerd", trustDomain: "cluster.local", now: Date.now() });
    writeFileSync(join(folder, "ca.crt"), trust.anchorPem);
    writeFileSync(join(folder, "issuer.crt"), trust.issuerCertPem);
    writeFileSync(join(folder, "issuer.key"), trust.issuerKeyPem);
    cluster = await startCluster("tools");
    before = await settledObjects(cluster);
  }, 20 * 60_000);
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true });
    await cluster?.stop();
  });

  const kubectl = (...args: string[]): Promise<string> => ok(cluster.kubectl(args));
  const apply = (...items: object[]): Promise<string> =>
    ok(cluster.kubectl(["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items })));

  /** helm keeps its settings in the test's folder. */
  function runHelm(name: "helm3" | "helm4", ...args: string[]): Promise<string> {
    const env = {
      KUBECONFIG: cluster.kubeconfig,
      HELM_CONFIG_HOME: folder,
      HELM_CACHE_HOME: folder,
      HELM_DATA_HOME: folder,
    };
    return ok(run([helm[name], ...args], { env }));
  }

  const controlPlane = [
    ...["linkerd-control-plane", join(repository, "charts/linkerd-control-plane"), "-n", "linkerd"],
    ...["--wait", "--timeout", "90s"],
  ];

  test("helm 3 installs both charts and waits until the control plane is ready", async () => {
    const start = performance.now();
    await runHelm(
      "helm3",
      ...["install", "linkerd-crds", join(repository, "charts/linkerd-crds"), "-n", "linkerd", "--create-namespace"],
    );
    await runHelm(
      "helm3",
      ...["install", ...controlPlane],
      ...["--set-file", `identityTrustAnchorsPEM=${folder}/ca.crt`],
      ...["--set-file", `identity.issuer.tls.crtPEM=${folder}/issuer.crt`],
      ...["--set-file", `identity.issuer.tls.keyPEM=${folder}/issuer.key`],
    );
    console.log(`installed by helm in ${((performance.now() - start) / 1000).toFixed(1)} s`);
    const check = await ok(cluster.linkerd(["check"]));
    expect(check).toEndWith("Status check results are √\n");
  });

  test("helm 4 upgrades what helm 3 installed", async () => {
    await runHelm("helm4", "upgrade", ...controlPlane, "--reuse-values", "--set", "controllerLogLevel=debug");
    expect(await kubectl("get", "deploy", "-n", "linkerd", "-o", "yaml")).toContain("-log-level=debug");
    expect(await ok(cluster.linkerd(["check"]))).toEndWith("Status check results are √\n");
  });

  test("kubectl waits for the control plane by its conditions", async () => {
    await kubectl("wait", "-n", "linkerd", "deployment", "--all", "--for=condition=Available", "--timeout=60s");
    await kubectl("wait", "-n", "linkerd", "pod", "--all", "--for=condition=Ready", "--timeout=60s");
    await kubectl("wait", "crd/servers.policy.linkerd.io", "--for=condition=Established", "--timeout=10s");
    for (const name of ["identity", "destination", "proxy-injector"]) {
      expect(await kubectl("rollout", "status", "-n", "linkerd", `deployment/linkerd-${name}`)).toContain(
        "successfully",
      );
    }
  });

  test("events on a Deployment say that its pods were injected, or why not", async () => {
    await apply(
      {
        apiVersion: "v1",
        kind: "Namespace",
        metadata: { name: "events", annotations: { "linkerd.io/inject": "enabled" } },
      },
      deployment("meshed", {}),
      deployment("on-the-host", { hostNetwork: true }),
      deployment("not-asked", {}, { "linkerd.io/inject": "disabled" }),
    );
    await kubectl("wait", "-n", "events", "deployment", "--all", "--for=condition=Available", "--timeout=60s");
    const events = await eventually("three events", 20_000, async () => {
      const out = await kubectl(
        "get",
        "events",
        "-n",
        "events",
        "-o",
        "custom-columns=N:.involvedObject.name,R:.reason,M:.message",
      );
      const lines = out.split("\n").filter((line) => / Inject(ed|ionSkipped) /.test(line));
      const told = new Set(lines.map((line) => line.split(" ")[0]));
      return ["meshed", "on-the-host", "not-asked"].every((name) => told.has(name)) ? lines.join("\n") : null;
    });
    expect(events).toMatch(/^meshed +Injected +Linkerd sidecar proxy injected$/m);
    expect(events).toMatch(/^on-the-host +InjectionSkipped +.*hostNetwork/m);
    expect(events).toMatch(/^not-asked +InjectionSkipped +.*(disabled|annotation)/m);
    expect(await kubectl("describe", "deployment", "-n", "events", "on-the-host")).toContain("InjectionSkipped");
  });

  test("a watch shows a meshed pod being made, getting ready and going, in this order", async () => {
    // "meshed" is there already: once it is shown, nothing that happens later is missed.
    const watch = Bun.spawn(watchCommand("pods", "-n", "events", "-l", "app in (meshed, watched)"), {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "ignore",
      env: { ...process.env, KUBECONFIG: cluster.kubeconfig },
    });
    let seen = "";
    void (async () => {
      for await (const chunk of watch.stdout) seen += Buffer.from(chunk).toString();
    })();
    await eventually("the beginning of the watch", 20_000, async () => (seen.includes("meshed-") ? true : null));
    await apply(deployment("watched", {}));
    await kubectl("wait", "-n", "events", "pod", "-l", "app=watched", "--for=create", "--timeout=20s");
    await kubectl("wait", "-n", "events", "pod", "-l", "app=watched", "--for=condition=Ready", "--timeout=60s");
    await kubectl("delete", "deployment", "-n", "events", "watched");
    await kubectl("wait", "-n", "events", "pod", "-l", "app=watched", "--for=delete", "--timeout=60s");
    await eventually("the last event", 10_000, async () => (/^DELETED +watched-/m.test(seen) ? true : null));
    watch.kill("SIGKILL");
    const watched = seen.replaceAll(/^\w+ +meshed-.*\n/gm, "");
    expect(watched).toMatch(/^ADDED +watched-\S+ +0\/2/m);
    expect(watched).toMatch(/^MODIFIED +watched-\S+ +2\/2 +Running/m);
    expect(watched.indexOf("ADDED")).toBeLessThan(watched.indexOf("2/2"));
    expect(watched.indexOf("2/2")).toBeLessThan(watched.indexOf("DELETED"));
  });

  function watchCommand(...args: string[]): string[] {
    return [cluster.kubectlPath, "get", ...args, "--watch", "--output-watch-events"];
  }

  test("kubectl explains, lists and refuses policy resources like its own", async () => {
    expect(await kubectl("explain", "servers.policy.linkerd.io.spec")).toContain("podSelector");
    await apply({
      apiVersion: "policy.linkerd.io/v1beta3",
      kind: "Server",
      metadata: { name: "meshed-http", namespace: "events" },
      spec: { podSelector: { matchLabels: { app: "meshed" } }, port: 8080, proxyProtocol: "HTTP/1" },
    });
    expect(await kubectl("get", "servers.policy.linkerd.io", "-n", "events")).toMatch(
      /^NAME +PORT +PROTOCOL +ACCESS POLICY\s/i,
    );
    const bad = {
      apiVersion: "policy.linkerd.io/v1beta3",
      kind: "Server",
      metadata: { name: "wrong", namespace: "events" },
      spec: { podSelector: {}, port: 8080, proxyProtocol: "smoke-signals" },
    };
    const { code, err } = await cluster.kubectl(["apply", "-f", "-"], JSON.stringify(bad));
    expect(code).toBe(1);
    expect(err).toContain("smoke-signals");
  });

  test("helm removes the mesh and leaves nothing", async () => {
    await kubectl("delete", "namespace", "events");
    await runHelm("helm4", "uninstall", "linkerd-control-plane", "-n", "linkerd", "--wait");
    await runHelm("helm3", "uninstall", "linkerd-crds", "-n", "linkerd", "--wait");
    await kubectl("delete", "namespace", "linkerd");
    const left = await eventually("the end of the last object", 60_000, async () => {
      const now = await allObjects(cluster);
      return now.length <= before.length ? now : null;
    });
    expect(left).toEqual(before);
  });

  function deployment(name: string, pod: object, annotations: Record<string, string> = {}): object {
    return {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name, namespace: "events" },
      spec: {
        selector: { matchLabels: { app: name } },
        template: {
          metadata: { labels: { app: name }, annotations },
          spec: {
            containers: [{ name: "main", image: toolboxImage, command: ["sleep", "1000"] }],
            terminationGracePeriodSeconds: 1,
            ...pod,
          },
        },
      },
    };
  }
});
