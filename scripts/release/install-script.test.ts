/** The install script as users run it: piped into a shell, from a web server or a folder. */
import { afterAll, beforeEach, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256 } from "../image/oci.ts";

const script = readFileSync(new URL("../install.sh", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "linkerd-install-"));
const releases = join(folder, "releases");
const root = join(folder, "root");
const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch(request) {
    const file = join(releases, new URL(request.url).pathname);
    return existsSync(file) ? new Response(Bun.file(file)) : new Response("no\n", { status: 404 });
  },
});

afterAll(() => {
  void server.stop(true);
  rmSync(folder, { recursive: true });
});

const builds = ["linux-amd64", "linux-arm64", "darwin-arm64"];

/** A release whose executables are small shell scripts. */
function release(version: string, program = `#!/bin/sh\necho ${version}\n`): void {
  mkdirSync(join(releases, version), { recursive: true });
  const sums = builds.map((build) => {
    const bytes = Bun.gzipSync(Buffer.from(program));
    writeFileSync(join(releases, version, `linkerd-${version}-${build}.gz`), bytes);
    return `${sha256(bytes)}  linkerd-${version}-${build}.gz\n`;
  });
  writeFileSync(join(releases, version, "checksums.txt"), sums.join(""));
  writeFileSync(join(releases, "latest"), `${version}\n`);
}

async function install(env: Record<string, string> = {}): Promise<{ code: number; out: string; err: string }> {
  const child = Bun.spawn(["sh", "-c", "umask 077; exec sh"], {
    stdin: script,
    stdout: "pipe",
    stderr: "pipe",
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: folder,
      TMPDIR: folder,
      INSTALLROOT: root,
      LINKERD_RELEASES: server.url.href,
      ...env,
    },
  });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, out, err };
}

const installed = (): string =>
  Bun.spawnSync([join(root, "bin/linkerd")])
    .stdout.toString()
    .trim();

beforeEach(() => {
  for (const path of [releases, root, join(folder, ".linkerd")]) rmSync(path, { recursive: true, force: true });
  release("1.0.0");
});

test("The newest version is put on disk and the path to add is shown", async () => {
  const { code, out, err } = await install();
  expect([code, err]).toEqual([0, ""]);
  expect(installed()).toBe("1.0.0");
  expect(statSync(join(root, "bin/linkerd-1.0.0")).mode & 0o777).toBe(0o755);
  expect(out).toContain(`export PATH=$PATH:${root}/bin`);
  expect(out).toContain("linkerd install --crds | kubectl apply -f -");
  expect(readdirSync(folder).filter((name) => name.startsWith("linkerd-install."))).toEqual([]);
});

test("A chosen version from a folder stands beside the others, and the last one counts", async () => {
  await install();
  release("2.0.0");
  await install();
  expect(installed()).toBe("2.0.0");
  const { code } = await install({ LINKERD_VERSION: "1.0.0", LINKERD_RELEASES: `file://${releases}` });
  expect([code, installed()]).toEqual([0, "1.0.0"]);
  expect(readdirSync(join(root, "bin")).toSorted()).toEqual(["linkerd", "linkerd-1.0.0", "linkerd-2.0.0"]);
  expect(readlinkSync(join(root, "bin/linkerd"))).toBe("linkerd-1.0.0");
});

test("Without INSTALLROOT it is in the home folder, and nothing is said of a path that is set", async () => {
  const bin = join(folder, ".linkerd/bin");
  const { out } = await install({ INSTALLROOT: "", PATH: `${process.env["PATH"]}:${bin}` });
  expect(existsSync(join(bin, "linkerd"))).toBe(true);
  expect(out).not.toContain("export PATH");
});

test("A download whose checksum is wrong is not installed", async () => {
  for (const build of builds) {
    const file = join(releases, "1.0.0", `linkerd-1.0.0-${build}.gz`);
    writeFileSync(file, Bun.gzipSync(Buffer.from("#!/bin/sh\necho evil\n")));
  }
  const { code, err } = await install();
  expect(code).toBe(1);
  expect(err).toContain("the download is broken, nothing was installed");
  expect(existsSync(root)).toBe(false);
});

test("A build that doesn't run here is not installed, and its message is shown", async () => {
  release("3.0.0", "#!/bin/sh\necho 'libc.so.6: not found' >&2; exit 1\n");
  const { code, err } = await install();
  expect([code, existsSync(root)]).toEqual([1, false]);
  expect(err).toContain("libc.so.6: not found");
});

test("What is missing or wrong is said in one line", async () => {
  const said = async (env: Record<string, string>): Promise<string> =>
    (await install(env)).err.trim().split("\n").at(-1) ?? "";
  expect(await said({ LINKERD_VERSION: "9.9.9" })).toEndWith("/9.9.9/checksums.txt failed");
  expect(await said({ LINKERD_VERSION: "../x" })).toBe('linkerd: "../x" is no version');
  expect(await said({ LINKERD_RELEASES: "" })).toBe("linkerd: Set LINKERD_RELEASES to where the releases are");
  expect(await said({ LINKERD_RELEASES: "ftp://x" })).toContain("use https://");
  // The checksums come from the same place as what they are of: on an open line both can be changed.
  for (const open of ["http://releases.example", "http://127.0.0.1.evil.example", "http://localhost@evil.example"]) {
    expect(await said({ LINKERD_RELEASES: open })).toContain("is not encrypted; use https://");
  }
  writeFileSync(join(releases, "1.0.0/checksums.txt"), "");
  expect(await said({})).toContain("Version 1.0.0 has no build for ");
});

test("A script that breaks off while it is downloaded does nothing", async () => {
  const half = script.subarray(0, script.length - 20);
  const child = Bun.spawnSync(["sh"], {
    stdin: half,
    env: { PATH: process.env["PATH"], INSTALLROOT: root, LINKERD_RELEASES: releases },
  });
  expect([child.stdout.toString(), existsSync(root)]).toEqual(["", false]);
});
