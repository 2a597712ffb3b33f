import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MeshError } from "#lib/errors.ts";
import { memoryLog } from "#lib/log.ts";
import { Registry } from "#lib/metrics/registry.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { loadClusterAccess } from "#kube/config.ts";
import { Installer, removeFromNode } from "./app.ts";
import { readConfig, type InstallerConfig } from "./config.ts";
import { kubeconfigName, type PluginAccess } from "./kubeconfig.ts";

let root: string;
let net: string;
let bin: string;
let config: InstallerConfig;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "linkerd-cni-"));
  net = join(root, "net.d");
  bin = join(root, "bin");
  const executable = join(root, "program");
  writeFileSync(executable, "#!/bin/sh\n");
  const read = readConfig(
    ["--cni-bin-dir", bin, "--cni-net-dir", net, "--executable", executable, "--incoming-proxy-port", "4143"],
    { LINKERD_CNI_NAMESPACE: "linkerd-cni", LINKERD_CNI_DAEMONSET: "linkerd-cni" },
  );
  if (read === null) throw new Error("no configuration");
  config = read;
});

afterEach(() => rmSync(root, { recursive: true }));

function start(access: () => PluginAccess): { installer: Installer; clock: FakeClock; lines: string[] } {
  const clock = new FakeClock();
  const { log, lines } = memoryLog();
  const installer = new Installer(config, { clock, log, registry: new Registry(), access });
  installer.start();
  return { installer, clock, lines };
}

const access = (): PluginAccess => ({ server: "https://10.96.0.1:443", caPem: "CA", token: "t1" });
const bridge = { name: "net", cniVersion: "1.0.0", plugins: [{ type: "bridge" }] };
const read = (name: string): string => readFileSync(join(net, name), "utf8");
const types = (name: string): string[] =>
  (JSON.parse(read(name)) as { plugins: Array<{ type: string }> }).plugins.map(({ type }) => type);

test("Executable, kubeconfig and entry are put in place, and removing leaves the node as it was", () => {
  const { installer } = start(access);
  expect(installer.ready.get()).toBe(false);
  writeFileSync(join(net, "10-a.conflist"), JSON.stringify(bridge));
  installer.look();
  expect(installer.ready.get()).toBe(true);
  expect(types("10-a.conflist")).toEqual(["bridge", "linkerd-cni"]);
  expect(statSync(join(bin, "linkerd-cni")).mode & 0o777).toBe(0o755);
  expect(statSync(join(net, kubeconfigName)).mode & 0o777).toBe(0o600);
  expect(readdirSync(net).toSorted()).toEqual(["10-a.conflist", kubeconfigName]);
  installer.stop();
  removeFromNode(config, memoryLog().log);
  expect(JSON.parse(read("10-a.conflist"))).toEqual(bridge);
  expect(readdirSync(net)).toEqual(["10-a.conflist"]);
  expect(readdirSync(bin)).toEqual([]);
});

test("The kubeconfig is one that our client reads", async () => {
  const { installer } = start(access);
  installer.stop();
  const found = loadClusterAccess({ kubeconfig: join(net, kubeconfigName), env: {} });
  expect([found.server, found.caPem, await found.credentials.get()]).toEqual([
    "https://10.96.0.1:443",
    "CA",
    { token: "t1" },
  ]);
});

test("The token is for root alone, whatever an earlier installer or a broken-off write left", () => {
  mkdirSync(net);
  const elsewhere = join(root, "elsewhere");
  writeFileSync(elsewhere, "untouched");
  symlinkSync(elsewhere, join(net, `.${kubeconfigName}.linkerd-tmp`));
  writeFileSync(join(net, kubeconfigName), "of another version", { mode: 0o644 });
  const { installer } = start(access);
  const mode = (): number => statSync(join(net, kubeconfigName)).mode & 0o777;
  expect(mode()).toBe(0o600);
  expect(readFileSync(elsewhere, "utf8")).toBe("untouched");
  chmodSync(join(net, kubeconfigName), 0o644);
  installer.look();
  expect(mode()).toBe(0o600);
  installer.stop();
});

test("What others undo is done again, and a renewed token is passed on", () => {
  let token = "t1";
  const { installer, clock } = start(() => ({ ...access(), token }));
  writeFileSync(join(net, "10-a.conflist"), JSON.stringify(bridge), { mode: 0o600 });
  clock.advance(5000);
  writeFileSync(join(net, "10-a.conflist"), JSON.stringify({ ...bridge, plugins: [{ type: "other" }] }));
  rmSync(join(bin, "linkerd-cni"));
  token = "t2";
  clock.advance(5000);
  expect(types("10-a.conflist")).toEqual(["other", "linkerd-cni"]);
  expect(statSync(join(net, "10-a.conflist")).mode & 0o777).toBe(0o600);
  expect(existsSync(join(bin, "linkerd-cni"))).toBe(true);
  expect(read(kubeconfigName)).toContain("t2");
  installer.stop();
});

test("A newer program replaces the plugin's executable", () => {
  const { installer, clock } = start(access);
  writeFileSync(config.executable, "#!/bin/sh\n# more\n");
  clock.advance(5000);
  expect(readFileSync(join(bin, "linkerd-cni"), "utf8")).toContain("more");
  installer.stop();
});

test("A damaged copy of the executable is replaced, even of the same size and newer", () => {
  const { installer } = start(access);
  writeFileSync(join(bin, "linkerd-cni"), "#!/bin/xx\n");
  installer.look();
  expect(readFileSync(join(bin, "linkerd-cni"), "utf8")).toBe("#!/bin/sh\n");
  installer.stop();
});

test("A configuration that is a link stays one: the file that it leads to is written, and is as before at the end", () => {
  mkdirSync(net);
  const elsewhere = join(root, "elsewhere.conflist");
  writeFileSync(elsewhere, JSON.stringify(bridge), { mode: 0o640 });
  symlinkSync("../elsewhere.conflist", join(net, "10-a.conflist"));
  const { installer } = start(access);
  expect(readlinkSync(join(net, "10-a.conflist"))).toBe("../elsewhere.conflist");
  expect(types("../elsewhere.conflist")).toEqual(["bridge", "linkerd-cni"]);
  expect(statSync(elsewhere).mode & 0o777).toBe(0o640);
  expect(readdirSync(root).toSorted()).toEqual(["bin", "elsewhere.conflist", "net.d", "program"]);
  installer.stop();
  removeFromNode(config, memoryLog().log);
  expect(readlinkSync(join(net, "10-a.conflist"))).toBe("../elsewhere.conflist");
  expect(JSON.parse(readFileSync(elsewhere, "utf8"))).toEqual(bridge);
});

test("Two names of one configuration count as the first, and are not written in turns", () => {
  mkdirSync(net);
  writeFileSync(join(net, "20-b.conflist"), JSON.stringify(bridge));
  symlinkSync("20-b.conflist", join(net, "10-a.conflist"));
  const { installer } = start(access);
  installer.look();
  installer.look();
  expect(types("10-a.conflist")).toEqual(["bridge", "linkerd-cni"]);
  expect(types("20-b.conflist")).toEqual(["bridge", "linkerd-cni"]);
  expect(installer.ready.get()).toBe(true);
  installer.stop();
  removeFromNode(config, memoryLog().log);
  expect(JSON.parse(read("20-b.conflist"))).toEqual(bridge);
});

test("A half-written configuration is waited for and not touched", () => {
  const { installer, clock, lines } = start(access);
  const half = '{"name":"net","plug';
  writeFileSync(join(net, "10-a.conflist"), half);
  clock.advance(5000);
  expect(read("10-a.conflist")).toBe(half);
  expect(installer.ready.get()).toBe(false);
  clock.advance(5000);
  expect(lines.filter((line) => line.includes("left alone"))).toHaveLength(1);
  writeFileSync(join(net, "10-a.conflist"), JSON.stringify(bridge));
  clock.advance(5000);
  expect(installer.ready.get()).toBe(true);
  installer.stop();
});

test("A program that undoes every change is not raced, and said once", () => {
  const { installer, clock, lines } = start(access);
  const undo = (): void => writeFileSync(join(net, "10-a.conflist"), JSON.stringify(bridge));
  for (let time = 0; time < 8; time++) {
    undo();
    installer.look();
    clock.advance(1000);
  }
  expect(lines.filter((line) => line.includes("cni.exclusive"))).toHaveLength(1);
  undo();
  clock.advance(1000);
  expect(types("10-a.conflist")).toEqual(["bridge"]);
  clock.advance(5000);
  expect(types("10-a.conflist")).toEqual(["bridge", "linkerd-cni"]);
  installer.stop();
});

test("A folder that can't be used makes it unready and is tried again", () => {
  const { installer, clock, lines } = start(() => {
    throw new MeshError("environment", "The ServiceAccount token is not mounted");
  });
  expect(installer.ready.get()).toBe(false);
  expect(lines.some((line) => line.includes("not mounted"))).toBe(true);
  clock.advance(5000);
  expect(lines.filter((line) => line.includes("not mounted"))).toHaveLength(1);
  installer.stop();
});

test("Nothing of the plugin on the node is no error when it is removed", () => {
  removeFromNode(config, memoryLog().log);
  expect(existsSync(net)).toBe(false);
});
