import { expect, test } from "bun:test";
import { MeshError } from "#lib/errors.ts";
import { memoryLog } from "#lib/log.ts";
import type { Pod } from "#kube/types/core.ts";
import { parsePorts, type RedirectSettings } from "../rules.ts";
import { answer, type PluginTools } from "./app.ts";
import { pluginEntry, readPluginConfig } from "./plugin-config.ts";

const rules: RedirectSettings = {
  inboundPort: 4143,
  outboundPort: 4140,
  proxyUid: 2102,
  proxyGid: null,
  proxyMark: null,
  inboundSkipPorts: parsePorts("4190,4191,9000-9010", "x"),
  outboundSkipPorts: [],
  inboundOnlyPorts: [],
  skipSubnets: ["10.0.0.0/8"],
  ipv6: false,
};

const entry = pluginEntry({
  kubeconfig: "/etc/cni/net.d/ZZZ-linkerd-cni-kubeconfig",
  rules,
  excludeNamespaces: ["kube-system"],
  logLevel: "info",
});

const previous = { cniVersion: "1.0.0", interfaces: [{ name: "eth0" }], ips: [{ address: "10.244.0.9/24" }], dns: {} };
const input = (more: object = {}): string =>
  JSON.stringify({ ...entry, cniVersion: "1.0.0", name: "net", prevResult: previous, ...more });

const meshed: Pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web", namespace: "shop", uid: "u1" },
  spec: { containers: [{ name: "app" }], initContainers: [{ name: "linkerd-proxy" }] },
};

const env = (
  command: string,
  args = "K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web;K8S_POD_UID=u1",
): Record<string, string> => ({
  CNI_COMMAND: command,
  CNI_NETNS: "/run/netns/x",
  CNI_ARGS: `IgnoreUnknown=1;${args}`,
});

function recorder(pod: Pod | null | Error, more: Partial<PluginTools> = {}): { tools: PluginTools; calls: string[] } {
  const calls: string[] = [];
  const tools: PluginTools = {
    findPod: async (kubeconfig, namespace, name) => {
      calls.push(`find ${kubeconfig} ${namespace}/${name}`);
      if (pod instanceof Error) throw pod;
      return pod;
    },
    install: (netns, table) => void calls.push(`install ${netns} ${table.name} ${table.chains.length}`),
    installed: () => false,
    log: () => memoryLog().log,
    exists: () => true,
    ...more,
  };
  return { tools, calls };
}

test("What the installer writes is what the plugin reads", () => {
  expect(readPluginConfig(entry)).toEqual({
    kubeconfig: "/etc/cni/net.d/ZZZ-linkerd-cni-kubeconfig",
    rules: { ...rules, inboundSkipPorts: parsePorts("4190,4191,9000-9010", "x") },
    excludeNamespaces: ["kube-system"],
    logLevel: "info",
  });
});

test("A meshed pod gets its rules, and the result of the earlier plugin is passed on", async () => {
  const { tools, calls } = recorder(meshed);
  expect(await answer(env("ADD"), input(), tools)).toEqual({ output: previous, exitCode: 0 });
  expect(calls).toEqual(["find /etc/cni/net.d/ZZZ-linkerd-cni-kubeconfig shop/web", "install /run/netns/x linkerd 4"]);
});

test.each<[string, Pod | null]>([
  ["without a proxy", { ...meshed, spec: { containers: [{ name: "app" }] } }],
  [
    "with an init container for it",
    { ...meshed, spec: { ...meshed.spec, initContainers: [{ name: "linkerd-proxy" }, { name: "linkerd-init" }] } },
  ],
  ["that the API server doesn't know", null],
  ["of that name but replaced meanwhile", { ...meshed, metadata: { name: "web", uid: "u2" } }],
])("A pod %s passes untouched", async (_, pod) => {
  const { tools, calls } = recorder(pod);
  expect(await answer(env("ADD"), input(), tools)).toEqual({ output: previous, exitCode: 0 });
  expect(calls.filter((call) => call.startsWith("install"))).toEqual([]);
});

test("The API server is not asked about pods of excluded namespaces", async () => {
  const { tools, calls } = recorder(new Error("no"));
  const { exitCode } = await answer(env("ADD", "K8S_POD_NAMESPACE=kube-system;K8S_POD_NAME=dns"), input(), tools);
  expect([exitCode, calls]).toEqual([0, []]);
});

test("Without the API server the runtime is told to try again later", async () => {
  const { tools } = recorder(new MeshError("unavailable", "Failed to get"));
  const { output, exitCode } = await answer(env("ADD"), input(), tools);
  expect(exitCode).toBe(1);
  expect(output).toMatchObject({ cniVersion: "1.0.0", code: 11, msg: expect.stringContaining("shop/web") });
});

test("Rules that can't be written fail the pod with what is wrong", async () => {
  const { tools } = recorder(meshed, {
    install: () => {
      throw new MeshError("environment", "Installing the redirect rules failed");
    },
  });
  const { output } = await answer(env("ADD"), input(), tools);
  expect(output).toMatchObject({ code: 100, msg: "Installing the redirect rules failed" });
});

test("Checking a meshed pod fails when its rules are gone, and only then", async () => {
  expect((await answer(env("CHECK"), input(), recorder(meshed).tools)).exitCode).toBe(1);
  const { tools } = recorder(meshed, { installed: () => true });
  expect(await answer(env("CHECK"), input(), tools)).toEqual({ output: null, exitCode: 0 });
});

test("The other commands of the specification are answered", async () => {
  const { tools, calls } = recorder(meshed);
  expect(await answer(env("DEL"), input(), tools)).toEqual({ output: null, exitCode: 0 });
  expect(await answer({ CNI_COMMAND: "GC" }, input(), tools)).toEqual({ output: null, exitCode: 0 });
  expect(await answer({ CNI_COMMAND: "STATUS" }, input(), tools)).toEqual({ output: null, exitCode: 0 });
  expect((await answer({ CNI_COMMAND: "VERSION" }, `{"cniVersion":"0.4.0"}`, tools)).output).toEqual({
    cniVersion: "0.4.0",
    supportedVersions: ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"],
  });
  expect(calls).toEqual([]);
  const gone = recorder(meshed, { exists: () => false });
  expect((await answer({ CNI_COMMAND: "STATUS" }, input(), gone.tools)).output).toMatchObject({ code: 50 });
});

test.each([
  ["ADD", "{", 6],
  ["ADD", "[]", 6],
  ["ADD", input({ prevResult: undefined }), 7],
  ["ADD", input({ kubernetes: {} }), 7],
  ["ADD", input({ linkerd: { "proxy-uid": "root" } }), 7],
  ["ADD", input({ cniVersion: "9.0.0" }), 1],
  ["EXPLODE", input(), 4],
])("%s with %p is answered with code %p", async (command, text, code) => {
  const { tools } = recorder(meshed);
  expect((await answer(env(command), text, tools)).output).toMatchObject({ code });
});
