/** The plugin, the validator and the repair in real network namespaces, against an API server in memory. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { TestNamespace } from "#lib/testing/test-namespace.ts";
import { FakeApi } from "#kube/testing/fake-api.ts";
import { resources } from "#kube/resource.ts";
import { kubeconfigText } from "./installer/kubeconfig.ts";
import { pluginEntry } from "./plugin/plugin-config.ts";
import { findNamespace } from "./repair/namespaces.ts";
import { parsePorts, type RedirectSettings } from "./rules.ts";

const root = process.getuid?.() === 0;
const name = `cni-pod-${process.pid}`;
const netns = `/run/netns/${name}`;
const program = resolve(import.meta.dir, "../cli/main.ts");
const ip = "10.77.0.9";

const rules: RedirectSettings = {
  inboundPort: 4143,
  outboundPort: 4140,
  proxyUid: 2102,
  proxyGid: null,
  proxyMark: null,
  inboundSkipPorts: parsePorts("4190,4191", "x"),
  outboundSkipPorts: [],
  inboundOnlyPorts: [],
  skipSubnets: [],
  ipv6: false,
};

let pod: TestNamespace;
let api: FakeApi;
let folder: string;
let config: object;

beforeAll(() => {
  if (!root) return;
  api = new FakeApi();
  folder = mkdtempSync(join(tmpdir(), "linkerd-cni-"));
  const kubeconfig = join(folder, "kubeconfig");
  writeFileSync(kubeconfig, kubeconfigText({ server: api.url, caPem: "", token: "t" }));
  config = {
    ...pluginEntry({ kubeconfig, rules, excludeNamespaces: ["kube-system"], logLevel: "warn" }),
    cniVersion: "1.0.0",
    name: "net",
    prevResult: { cniVersion: "1.0.0", ips: [{ address: `${ip}/24` }] },
  };
  api.put(resources.pods, {
    metadata: { name: "web", namespace: "shop" },
    spec: {
      containers: [{ name: "app" }],
      initContainers: [{ name: "linkerd-network-validator" }, { name: "linkerd-proxy" }],
    },
  } as object as { metadata: { name: string } });
  pod = new TestNamespace(name);
  pod.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "far");
  pod.run("ip", "address", "add", `${ip}/24`, "dev", "eth0");
  pod.run("ip", "link", "set", "eth0", "up");
  pod.run("ip", "link", "set", "far", "up");
  pod.run("ip", "route", "add", "default", "via", "10.77.0.1");
});

afterAll(async () => {
  if (!root) return;
  await pod.remove();
  rmSync(folder, { recursive: true });
  await api.stop();
});

async function plugin(command: string, more: Record<string, string> = {}): Promise<{ code: number; output: unknown }> {
  const child = Bun.spawn([process.execPath, program], {
    env: {
      CNI_COMMAND: command,
      CNI_CONTAINERID: "c1",
      CNI_IFNAME: "eth0",
      CNI_NETNS: netns,
      CNI_PATH: "/opt/cni/bin",
      CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web",
      ...more,
    },
    stdin: Buffer.from(JSON.stringify(config)),
    stdout: "pipe",
    stderr: "inherit",
  });
  const text = await new Response(child.stdout).text();
  return { code: await child.exited, output: text === "" ? null : (JSON.parse(text) as unknown) };
}

async function validator(timeout = "3s"): Promise<number> {
  const words = ["network-validator", "--timeout", timeout];
  const user = ["setpriv", "--reuid=65534", "--clear-groups"];
  return await Bun.spawn(pod.command([...user, process.execPath, program, ...words]), {
    stderr: "ignore",
  }).exited;
}

test.skipIf(!root)("Without the plugin the validator fails the pod with 95", async () => {
  expect(await validator()).toBe(95);
});

test.skipIf(!root)("A runtime that runs the plugin gets the earlier result, and the pod is redirected", async () => {
  expect((await plugin("CHECK")).code).toBe(1);
  expect(await plugin("ADD")).toEqual({ code: 0, output: { cniVersion: "1.0.0", ips: [{ address: `${ip}/24` }] } });
  expect(pod.run("nft", "list", "ruleset")).toContain("redirect to :4140");
  expect(await plugin("CHECK")).toEqual({ code: 0, output: null });
  expect(await validator()).toBe(0);
  expect(await plugin("DEL")).toEqual({ code: 0, output: null });
});

test.skipIf(!root)("A proxy for the runtime's image pulls is not asked for pods", async () => {
  const proxy = {
    HTTP_PROXY: "http://127.0.0.1:1",
    HTTPS_PROXY: "http://127.0.0.1:1",
    http_proxy: "http://127.0.0.1:1",
  };
  expect((await plugin("ADD", proxy)).code).toBe(0);
});

test.skipIf(!root)("Rules that come while the validator looks are soon enough", async () => {
  pod.run("nft", "flush", "ruleset");
  const found = findNamespace("/run/netns", [ip]);
  expect(found).toBe(netns);
  expect(findNamespace("/run/netns", ["10.77.0.10"])).toBeNull();
  const outcome = validator("30s");
  await Bun.sleep(1000);
  expect((await plugin("ADD")).code).toBe(0);
  expect(await outcome).toBe(0);
});
