/** What goes wrong in the first minutes: each gets one message that says what, where and what to do, and exit code 1. */
import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { repository, run } from "../harness/cluster.ts";

const linkerd = join(repository, "linkerd");

async function fails(args: readonly string[], options: Parameters<typeof run>[1] = {}): Promise<string> {
  const { code, out, err } = await run([linkerd, ...args], options);
  expect({ args, code }).toEqual({ args, code: 1 });
  // Nothing half done: a pipe to kubectl gets nothing, and nobody sees a stack trace.
  expect(out).toBe("");
  expect(err).not.toMatch(/\n {4}at /);
  return err;
}

describe("bad input", () => {
  test("a kubeconfig that does not exist is named", async () => {
    expect(await fails(["install", "--kubeconfig", "/no/such/file"])).toContain("/no/such/file");
  });

  test("a cluster that does not answer is named, with the way around", async () => {
    const folder = mkdtempSync(join(tmpdir(), "linkerd-bad-"));
    const path = join(folder, "kubeconfig");
    writeFileSync(
      path,
      JSON.stringify({
        apiVersion: "v1",
        kind: "Config",
        clusters: [{ name: "c", cluster: { server: "https://127.0.0.1:1" } }],
        contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
        users: [{ name: "u", user: { token: "t" } }],
        "current-context": "c",
      }),
    );
    const err = await fails(["install", "--kubeconfig", path]);
    rmSync(folder, { recursive: true });
    expect(err).toContain("https://127.0.0.1:1");
    expect(err).toContain("--ignore-cluster");
  });

  test("an unknown value is refused with its path and the nearest name", async () => {
    const err = await fails(["install", "--ignore-cluster", "--set", "proxy.logLevl=debug"]);
    expect(err).toContain("proxy.logLevl");
    expect(err).toContain("logLevel");
  });

  test("a default inbound policy outside of the six is refused with the six", async () => {
    const err = await fails(["install", "--ignore-cluster", "--default-inbound-policy", "everyone"]);
    expect(err).toContain("everyone");
    expect(err).toContain("cluster-authenticated");
  });

  test("a manifest that is no YAML is refused with file and line", async () => {
    const folder = mkdtempSync(join(tmpdir(), "linkerd-bad-"));
    const path = join(folder, "app.yaml");
    writeFileSync(path, "kind: Deployment\nspec: [1, 2\n");
    const err = await fails(["inject", path]);
    rmSync(folder, { recursive: true });
    expect(err).toContain("app.yaml");
    expect(err).toMatch(/app\.yaml:\d+:\d+/);
  });

  test("a bad annotation is refused with object, annotation and value", async () => {
    const manifest = JSON.stringify({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "web", annotations: { "config.linkerd.io/proxy-cpu-request": "lots" } },
      spec: { containers: [{ name: "main", image: "x" }] },
    });
    const err = await fails(["inject", "--manual", "--ignore-cluster", "-"], { input: manifest });
    expect(err).toContain("web");
    expect(err).toContain("config.linkerd.io/proxy-cpu-request");
    expect(err).toContain("lots");
  });

  test("an unknown command, flag and resource type are named", async () => {
    expect(await fails(["instal"])).toContain("instal");
    expect(await fails(["install", "--no-such-flag"])).toContain("--no-such-flag");
    expect(await fails(["viz", "stat", "gizmo", "--api-addr", "127.0.0.1:1"])).toContain('"gizmo"');
  });

  test("a taken port stops local up before anything is started", async () => {
    const taken = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const state = mkdtempSync(join(tmpdir(), "linkerd-bad-"));
    const err = await fails(["local", "up", "--name", "taken", "--port", String(taken.port)], {
      env: { XDG_STATE_HOME: state },
    });
    taken.stop(true);
    rmSync(state, { recursive: true });
    expect(err).toContain(String(taken.port));
  });

  test("the proxy refuses a malformed setting by its name, before it binds a port", async () => {
    const { code, err } = await run([linkerd, "proxy"], { env: { LINKERD2_PROXY_INBOUND_LISTEN_ADDR: "nonsense" } });
    expect(code).toBe(64);
    expect(err).toContain("LINKERD2_PROXY_INBOUND_LISTEN_ADDR");
    expect(err).toContain("nonsense");
  });
});
