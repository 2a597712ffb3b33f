/** A user's first minutes: the install script from a web server, then a local cluster with the mesh, from one compiled file. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { version } from "#lib/version.ts";
import { hostPlatform } from "../executable.ts";
import { applyFile, clientOf, emojivotoFile, repository, waitForDeployments } from "../mesh.ts";

const able = process.getuid?.() === 0 && process.platform === "linux";
const folder = mkdtempSync(join(tmpdir(), "linkerd-installed-"));
const releases = join(folder, "releases");
const root = join(folder, "root");
const name = `installed-${process.pid}`;
const linkerd = join(root, "bin/linkerd");
/** Nothing of this checkout: not its folder, not its runtime. */
const env = {
  PATH: `${root}/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
  HOME: folder,
  LINKERD_LOCAL_STATE: join(folder, "state"),
};

async function run(argv: readonly string[], options: { stdin?: Uint8Array; env?: Record<string, string> } = {}) {
  const child = Bun.spawn([...argv], {
    cwd: folder,
    stdin: options.stdin ?? "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { ...env, ...options.env },
  });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  const code = await child.exited;
  if (code !== 0) throw new Error(`${argv.join(" ")} ended with ${code}: ${out.slice(-2000)}${err}`);
  return out;
}

beforeAll(async () => {
  if (!able) return;
  const words = ["--out", releases, "--platforms", hostPlatform() ?? "", "--no-images"];
  await run([process.execPath, join(repository, "scripts/release/main.ts"), ...words]);
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => new Response(Bun.file(join(releases, new URL(request.url).pathname))),
  });
  const script = new Uint8Array(await (await fetch(new URL("install", server.url))).arrayBuffer());
  await run(["sh"], { stdin: script, env: { LINKERD_RELEASES: server.url.href, INSTALLROOT: root } });
  await server.stop(true);
  rmSync(releases, { recursive: true });
}, 120_000);

afterAll(async () => {
  if (able) await run([linkerd, "local", "down", "--name", name]);
  rmSync(folder, { recursive: true, force: true });
}, 30_000);

test.skipIf(!able)("The installed command is this version", async () => {
  expect(await run(["sh", "-c", "linkerd version --client --short"])).toBe(`${version}\n`);
});

test.skipIf(!able)(
  "It brings up a cluster with the mesh and the sample application, and checks it",
  async () => {
    await run([linkerd, "local", "up", "--detach", "--name", name]);
    const kubeconfig = (await run([linkerd, "local", "kubeconfig", "--name", name])).trim();
    const client = clientOf(kubeconfig);
    mkdirSync(join(folder, "yaml"));
    for (const [index, words] of [["install", "--crds"], ["install"]].entries()) {
      const file = join(folder, "yaml", `${index}.yaml`);
      await Bun.write(file, await run([linkerd, ...words], { env: { KUBECONFIG: kubeconfig } }));
      await applyFile(client, file);
    }
    await waitForDeployments(client, "linkerd", 60_000);
    await applyFile(client, emojivotoFile);
    await waitForDeployments(client, "emojivoto", 60_000);
    expect(await run([linkerd, "check", "--proxy"], { env: { KUBECONFIG: kubeconfig } })).toContain("results are √");
  },
  150_000,
);
