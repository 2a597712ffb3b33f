/** The image's containers as a kubelet starts them, by runc: read-only, plain users, no capabilities, system calls filtered. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hostPlatform } from "../executable.ts";
import { sharedLayers } from "./layers.ts";
import type { Arch } from "./oci.ts";

const archs = new Map<string | null, Arch>([
  ["linux-amd64", "amd64"],
  ["linux-arm64", "arm64"],
]);
const arch = archs.get(hostPlatform());
const able = process.getuid?.() === 0 && Bun.which("runc") !== null && arch !== undefined;
const name = `linkerd-image-${process.pid}`;
const folder = mkdtempSync(join(tmpdir(), "linkerd-image-"));
const root = join(folder, "root");

/** Of what the runtimes' default profiles refuse: what a runtime for scripts might be tempted to use. */
const refused = [
  "io_uring_setup",
  "userfaultfd",
  "bpf",
  "ptrace",
  "unshare",
  "mount",
  "setns",
  "keyctl",
  "perf_event_open",
];

function run(argv: readonly string[], input?: Uint8Array): string {
  const result = Bun.spawnSync([...argv], input === undefined ? {} : { stdin: input });
  if (result.exitCode !== 0) throw new Error(`${argv.join(" ")}: ${result.stderr.toString()}`);
  return result.stdout.toString();
}

interface Container {
  readonly user: number;
  readonly capabilities?: readonly string[];
  readonly args: readonly string[];
  readonly env?: readonly string[];
}

/** Starts a container whose network namespace is the test's. */
function start(
  id: string,
  { user, capabilities = [], args, env = [] }: Container,
): Bun.Subprocess<"ignore", "pipe", "pipe"> {
  const bundle = join(folder, id);
  mkdirSync(bundle);
  const config = {
    ociVersion: "1.0.2",
    process: {
      user: { uid: user, gid: user },
      args: ["/usr/bin/linkerd", ...args],
      env: ["PATH=/usr/bin", ...env],
      cwd: "/",
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      noNewPrivileges: true,
    },
    root: { path: root, readonly: true },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755"] },
      { destination: "/sys", type: "none", source: "/sys", options: ["rbind", "ro"] },
    ],
    linux: {
      namespaces: [
        { type: "pid" },
        { type: "ipc" },
        { type: "uts" },
        { type: "mount" },
        { type: "network", path: `/run/netns/${name}` },
      ],
      maskedPaths: ["/proc/kcore", "/proc/keys"],
      readonlyPaths: ["/proc/sys", "/proc/bus", "/proc/irq"],
      seccomp: {
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [{ names: refused, action: "SCMP_ACT_ERRNO", errnoRet: 1 }],
      },
    },
  };
  writeFileSync(join(bundle, "config.json"), JSON.stringify(config));
  return Bun.spawn(["runc", "run", "--no-new-keyring", "--bundle", bundle, `${name}-${id}`], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
}

async function result(container: ReturnType<typeof start>): Promise<{ code: number; out: string; err: string }> {
  const [out, err] = await Promise.all([new Response(container.stdout).text(), new Response(container.stderr).text()]);
  return { code: await container.exited, out, err };
}

beforeAll(async () => {
  if (!able) return;
  const { layers } = await sharedLayers(arch);
  mkdirSync(root);
  for (const { archive } of layers) {
    run(["tar", "--xattrs", "--xattrs-include=*", "-xpf", "-", "-C", root], archive);
  }
  // What a container runtime makes for mounts.
  for (const place of ["proc", "dev", "sys"]) mkdirSync(join(root, place));
  run(["ip", "netns", "add", name]);
  run(["ip", "-n", name, "link", "set", "lo", "up"]);
}, 120_000);

afterAll(() => {
  if (!able) return rmSync(folder, { recursive: true, force: true });
  // Only there when a test failed or ran out of time.
  Bun.spawnSync(["runc", "delete", "--force", `${name}-proxy`]);
  run(["ip", "netns", "del", name]);
  rmSync(folder, { recursive: true, force: true });
});

test.skipIf(!able)("The image has the program, what it loads, four settings and a licence, and no shell", () => {
  const programs = ["bin", "sbin", "usr"].flatMap((path) => {
    try {
      return readdirSync(join(root, path), { recursive: true, encoding: "utf8" }).filter(
        (file) => !/^share\b/.test(file),
      );
    } catch {
      return [];
    }
  });
  expect(programs.toSorted()).toEqual(["bin", "bin/linkerd"]);
  expect(readdirSync(join(root, "etc"), { recursive: true, encoding: "utf8" }).toSorted()).toEqual([
    "group",
    "nsswitch.conf",
    "passwd",
    "ssl",
    "ssl/certs",
    "ssl/certs/ca-certificates.crt",
  ]);
});

test.skipIf(!able)("A command runs as any user on a read-only root without capabilities", async () => {
  const { code, out } = await result(start("command", { user: 12345, args: ["version", "--client", "--short"] }));
  expect([code, out]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+\n$/)]);
});

test.skipIf(!able)(
  "The init container's plain user may write rules with NET_ADMIN, and says so without it",
  async () => {
    const args = [
      "proxy",
      "proxy-init",
      "--incoming-proxy-port=4143",
      "--outgoing-proxy-port=4140",
      "--proxy-uid=2102",
    ];
    const refusedRun = await result(start("no-init", { user: 65534, args }));
    expect(refusedRun.code).toBe(1);
    expect(refusedRun.err).toContain("NET_ADMIN");
    const capabilities = ["CAP_NET_ADMIN", "CAP_NET_RAW"];
    const allowed = await result(start("init", { user: 65534, capabilities, args }));
    expect([allowed.code, allowed.err]).toEqual([0, expect.stringContaining("rules")]);
    if (Bun.which("nft") === null) return;
    const rules = run(["ip", "netns", "exec", name, "nft", "list", "ruleset"]);
    expect(rules).toContain("redirect to :4143");
    run(["ip", "netns", "exec", name, "nft", "flush", "ruleset"]);
  },
);

test.skipIf(!able)("The proxy starts where it can write nothing, answers, and ends on SIGTERM", async () => {
  const env = [
    "LINKERD2_PROXY_DESTINATION_SVC_ADDR=localhost.:1",
    "LINKERD2_PROXY_POLICY_SVC_ADDR=localhost.:1",
    'LINKERD2_PROXY_POLICY_WORKLOAD={"ns":"n","pod":"p"}',
    "LINKERD2_PROXY_INBOUND_PORTS=80",
    "LINKERD2_PROXY_ADMIN_LISTEN_ADDR=0.0.0.0:4191",
  ];
  const proxy = start("proxy", { user: 2102, args: ["proxy"], env });
  let log = "";
  for await (const chunk of proxy.stderr) {
    log += Buffer.from(chunk).toString();
    // The errno comes from a foreign function: so calls into the C library work too.
    if (log.includes("connection refused")) break;
  }
  expect(log).toContain("Proxy started");
  expect(log).toContain("connection refused");
  const ask = "process.stdout.write(await (await fetch('http://127.0.0.1:4191/live')).text())";
  expect(run(["ip", "netns", "exec", name, process.execPath, "-e", ask])).toBe("live\n");
  run(["runc", "kill", `${name}-proxy`, "TERM"]);
  expect(await proxy.exited).toBe(0);
});
