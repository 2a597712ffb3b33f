/**
 * The first half hour with the mesh, typed at a shell: nothing but the commands users have read. The control plane must
 * be ready within a minute and stay small, and an application that runs already comes back meshed, unchanged.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { resources } from "#kube/resource.ts";
import type { Pod } from "#kube/types/core.ts";
import { emojivotoFile, waitForDeployments } from "../../scripts/mesh.ts";
import { clusterKind, eventually, hasKubectl, ok, run, startCluster, type TestCluster } from "../harness/cluster.ts";
import { allObjects, settledObjects } from "../harness/objects.ts";
import { processesBelow } from "../harness/processes.ts";
import { rightsOf } from "../harness/rights.ts";
import { allowedRights } from "./mission-rights.ts";

const controlPlaneSeconds = 60;
const controlPlaneMegabytes = 200;

describe.skipIf(!hasKubectl)("the commands users have read", () => {
  let cluster: TestCluster;
  let objectsBefore: string[] = [];
  let filesBefore: string[] = [];
  let rulesBefore: string[] = [];

  beforeAll(async () => {
    cluster = await startCluster("mission");
    // The application is there before the mesh, and its namespace says nothing about it.
    const manifest = readFileSync(emojivotoFile, "utf8").replace(
      /^ {2}annotations:\n {4}linkerd.io\/inject: .*\n/m,
      "",
    );
    expect(manifest).not.toContain("linkerd.io/");
    await ok(cluster.kubectl(["apply", "-f", "-"], manifest));
    await waitForDeployments(cluster.client, "emojivoto", 60_000);
    objectsBefore = await settledObjects(cluster);
    filesBefore = cluster.nodeFiles?.() ?? [];
    rulesBefore = await nodeRules();
  });
  afterAll(async () => {
    await cluster?.stop();
  });

  const type = (script: string): Promise<string> => ok(cluster.shell(script));

  test("linkerd version and check --pre", async () => {
    expect(await type("linkerd version")).toMatch(/^Client version: \S+\nServer version: unavailable\n$/);
    expect(await type("linkerd check --pre")).toEndWith("Status check results are √\n");
  });

  test(`install, then a ready control plane within ${controlPlaneSeconds} s`, async () => {
    const start = performance.now();
    await type("linkerd install --crds | kubectl apply -f -");
    await type("linkerd install | kubectl apply -f -");
    const applied = performance.now();
    await waitForDeployments(cluster.client, "linkerd", controlPlaneSeconds * 1000);
    const ready = performance.now();
    expect(await type("linkerd check")).toEndWith("Status check results are √\n");
    const seconds = (from: number, to: number): string => ((to - from) / 1000).toFixed(1);
    console.log(
      `applied in ${seconds(start, applied)} s, control plane ready ${seconds(applied, ready)} s later, checked in ${seconds(ready, performance.now())} s`,
    );
    expect((ready - start) / 1000).toBeLessThan(controlPlaneSeconds);
  });

  test("an annotation and a restart mesh the application", async () => {
    const start = performance.now();
    await type("kubectl annotate namespace emojivoto linkerd.io/inject=enabled");
    await type("kubectl rollout restart deployment -n emojivoto");
    await type("kubectl rollout status deployment -n emojivoto --timeout=120s");
    console.log(`meshed in ${((performance.now() - start) / 1000).toFixed(1)} s`);
    await eventually("the end of the pods without a proxy", 60_000, async () => {
      const { items } = await cluster.client.list<Pod>(resources.pods, { namespace: "emojivoto" });
      return items.length === 4 ? true : null;
    });
    const { items } = await cluster.client.list<Pod>(resources.pods, { namespace: "emojivoto" });
    for (const pod of items) {
      expect(pod.spec.initContainers?.map(({ name }) => name)).toContain("linkerd-proxy");
      expect(pod.spec.containers).toHaveLength(1);
      expect(pod.status?.containerStatuses?.[0]?.restartCount).toBe(0);
    }
  });

  test("the init container has two capabilities and no root, and its rules are in the pod's network alone", async () => {
    const { items } = await cluster.client.list<Pod>(resources.pods, { namespace: "emojivoto" });
    for (const pod of items) {
      const init = pod.spec.initContainers?.find(({ name }) => name === "linkerd-init");
      expect(init).toMatchObject({
        securityContext: {
          allowPrivilegeEscalation: false,
          capabilities: { add: ["NET_ADMIN", "NET_RAW"], drop: ["ALL"] },
          privileged: false,
          readOnlyRootFilesystem: true,
          runAsGroup: 65534,
          runAsNonRoot: true,
          runAsUser: 65534,
        },
      });
    }
    const node = await cluster.nodePid();
    if (node === null || process.getuid?.() !== 0) return;
    const proxies = processesBelow(node).filter(
      ({ pod, argv }) => items.some(({ metadata }) => metadata.name === pod) && argv.includes("proxy"),
    );
    expect(proxies.length).toBeGreaterThanOrEqual(4);
    for (const { pid } of proxies) {
      const rules = await ok(run(["nsenter", `--net=/proc/${pid}/ns/net`, "nft", "list", "ruleset"]));
      expect(rules).toContain("redirect to :4140");
      expect(rules).toContain("redirect to :4143");
    }
    expect(await nodeRules()).toEqual(expect.arrayContaining(rulesBefore));
    expect((await nodeRules()).filter((line) => line.includes("redirect to"))).toEqual([]);
  });

  test("the application's requests go through both proxies with mutual TLS and succeed", async () => {
    await eventually("votes", 30_000, async () => {
      const log = await type("kubectl logs -n emojivoto deploy/vote-bot -c vote-bot --tail=5");
      return Number(/sent (\d+)/.exec(log)?.[1] ?? 0) > 20 ? true : null;
    });
    const log = await type("kubectl logs -n emojivoto deploy/vote-bot -c vote-bot");
    expect(log.split("\n").filter((line) => line.startsWith("vote for "))).toEqual([]);
    const metrics = await ok(cluster.linkerd(["diagnostics", "proxy-metrics", "-n", "emojivoto", "deploy/voting"]));
    const meshed = metrics
      .split("\n")
      .filter((line) => line.startsWith("request_total{") && line.includes('direction="inbound"'))
      .filter((line) => line.includes('client_id="web.emojivoto.serviceaccount.identity.linkerd.cluster.local"'));
    expect(meshed.length).toBeGreaterThan(0);
    expect(meshed.every((line) => line.includes('tls="true"'))).toBe(true);
  });

  test("check and check --proxy are green", async () => {
    for (const words of ["linkerd check", "linkerd check --proxy", "linkerd check --proxy -n emojivoto"]) {
      const out = await type(words);
      expect(out).not.toMatch(/[×‼]/);
      expect(out).toEndWith("Status check results are √\n");
    }
  });

  test(`the control plane takes at most ${controlPlaneMegabytes} MB at idle`, async () => {
    const node = await cluster.nodePid();
    if (node === null) return; // Another machine's memory can't be read.
    const { items } = await cluster.client.list<Pod>(resources.pods, { namespace: "linkerd" });
    const pods = new Set(items.map(({ metadata }) => metadata.name));
    const ours = processesBelow(node).filter(({ pod, argv }) => pods.has(pod) && !/pause|sleep/.test(argv.join(" ")));
    const rows = ours.map(({ pod, argv, pss, anonymous }) => {
      const program = argv
        .slice(
          argv.findIndex((word) => /^(controller|proxy|metrics-api)$/.test(word)),
          9,
        )
        .slice(0, 2);
      return {
        name: `${pod.replace(/-[a-z0-9]+-[a-z0-9]+$/, "")} ${program.filter((word) => !word.startsWith("-")).join(" ")}`,
        pss,
        anonymous,
      };
    });
    const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1).padStart(6);
    for (const { name, pss, anonymous } of rows.toSorted((a, b) => b.pss - a.pss)) {
      console.log(`${megabytes(pss)} MB (${megabytes(anonymous)} private) ${name}`);
    }
    const sum = rows.reduce((total, { pss }) => total + pss, 0);
    console.log(`${megabytes(sum)} MB together, ${rows.length} processes`);
    expect(rows.length).toBeGreaterThanOrEqual(6);
    expect(sum / 1e6).toBeLessThan(controlPlaneMegabytes);
  });

  test("viz stat shows the application's success rates", async () => {
    await type("linkerd viz install | kubectl apply -f -");
    await waitForDeployments(cluster.client, "linkerd-viz", 60_000);
    const table = await eventually("success rates in viz stat", 60_000, async () => {
      const out = await type("linkerd viz stat deploy -n emojivoto");
      return /^voting +1\/1 +\d+\.\d+%/m.test(out) ? out : null;
    });
    console.log(table.trimEnd());
    expect(table).toMatch(/^NAME +MESHED +SUCCESS +RPS +LATENCY_P50 +LATENCY_P95 +LATENCY_P99/);
    expect(await type("linkerd viz check")).toEndWith("Status check results are √\n");
  });

  for (const { namespace, name, everywhere, athome } of allowedRights) {
    test(`${name} may do what it needs and nothing else`, async () => {
      const account = { namespace, name };
      const anybody = await rightsOf(cluster, { namespace: "default", name: "nobody" }, "default");
      const rights = async (where: string, allowed: readonly string[]): Promise<string[]> => [
        ...(await rightsOf(cluster, account, where)).difference(anybody).difference(new Set(allowed)),
      ];
      expect(await rights("emojivoto", everywhere)).toEqual([]);
      expect(await rights("kube-system", everywhere)).toEqual([]);
      expect(await rights(namespace, [...everywhere, ...athome])).toEqual([]);
    });
  }

  test.skipIf(clusterKind === "local")(
    "all but the init container runs under the restricted pod security level",
    async () => {
      const strict = {
        apiVersion: "v1",
        kind: "Namespace",
        metadata: {
          name: "strict",
          labels: {
            "pod-security.kubernetes.io/enforce": "restricted",
            "config.linkerd.io/admission-webhooks": "disabled",
          },
        },
      };
      await ok(cluster.kubectl(["apply", "-f", "-"], JSON.stringify(strict)));
      await ok(cluster.kubectl(["wait", "-n", "strict", "serviceaccount/default", "--for=create", "--timeout=10s"]));
      const { items } = await cluster.client.list<Pod>(resources.pods, {});
      const meshed = items.filter(({ spec }) => spec.initContainers?.some(({ name }) => name === "linkerd-proxy"));
      expect(meshed.length).toBeGreaterThanOrEqual(7);
      for (const pod of meshed) {
        const ours = pod.metadata.namespace === "linkerd" || pod.metadata.namespace === "linkerd-viz";
        const proxy = pod.spec.initContainers?.find(({ name }) => name === "linkerd-proxy");
        const { restartPolicy: _, ...alone } = { restartPolicy: "", ...proxy! };
        const copy = {
          apiVersion: "v1",
          kind: "Pod",
          metadata: { name: pod.metadata.name, namespace: "strict" },
          spec: {
            ...pod.spec,
            nodeName: undefined,
            serviceAccountName: "default",
            serviceAccount: "default",
            // An application's own containers are its own business.
            ...(ours ? { initContainers: [proxy] } : { initContainers: [], containers: [alone] }),
          },
        };
        const { code, err } = await cluster.kubectl(["create", "--dry-run=server", "-f", "-"], JSON.stringify(copy));
        expect({ pod: pod.metadata.name, code, err }).toEqual({ pod: pod.metadata.name, code: 0, err: "" });
      }
      await ok(cluster.kubectl(["delete", "namespace", "strict"]));
    },
  );

  test("after the way back nothing of the mesh is left: no object, no rule, no file", async () => {
    await type("kubectl annotate namespace emojivoto linkerd.io/inject-");
    await type("kubectl rollout restart deployment -n emojivoto");
    await type("kubectl rollout status deployment -n emojivoto --timeout=120s");
    await type("linkerd viz uninstall | kubectl delete -f -");
    await eventually("the end of the meshed pods", 60_000, async () => {
      const { items } = await cluster.client.list<Pod>(resources.pods, { namespace: "emojivoto" });
      return items.length === 4 ? true : null;
    });
    await type("linkerd uninstall | kubectl delete -f -");
    const left = await eventually("the end of the last object", 60_000, async () => {
      const now = await allObjects(cluster);
      return now.length <= objectsBefore.length ? now : null;
    });
    expect(left).toEqual(objectsBefore);
    expect(cluster.nodeFiles?.() ?? []).toEqual(filesBefore);
    // Rules of Services follow their objects a moment later.
    await eventually("the end of the last rule", 30_000, async () =>
      (await nodeRules()).length <= rulesBefore.length ? true : null,
    );
    expect(await nodeRules()).toEqual(rulesBefore);
  });

  /** Rules of the node itself that have to do with us. */
  async function nodeRules(): Promise<string[]> {
    const node = await cluster.nodePid();
    if (node === null || process.getuid?.() !== 0) return [];
    const rules = await ok(run(["nsenter", `--net=/proc/${node}/ns/net`, "nft", "list", "ruleset"]));
    const withoutCounts = rules.replaceAll(/counter packets \d+ bytes \d+/g, "");
    return withoutCounts.split("\n").filter((line) => /linkerd|\b414[03]\b/.test(line));
  }
});
