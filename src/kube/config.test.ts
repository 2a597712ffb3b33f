import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { inClusterAccess, loadClusterAccess } from "./config.ts";
import { execCredentials } from "./exec-credential.ts";

let directory: string;
let one: string;
let two: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "kubeconfig-"));
  one = join(directory, "one");
  two = join(directory, "two");
  writeFileSync(join(directory, "ca.pem"), "CA");
  writeFileSync(
    one,
    `apiVersion: v1
kind: Config
current-context: dev
clusters:
- name: dev
  cluster: {server: "https://dev:6443/", certificate-authority: ca.pem}
users:
- name: dev
  user: {token: secret-dev}
contexts:
- name: dev
  context: {cluster: dev, user: dev, namespace: web}
`,
  );
  writeFileSync(
    two,
    `current-context: prod
clusters:
- name: dev
  cluster: {server: "https://other"}
- name: prod
  cluster: {server: "https://prod", tls-server-name: api, certificate-authority-data: ${Buffer.from("PROD").toString("base64")}}
users:
- name: prod
  user: {client-certificate-data: ${Buffer.from("CERT").toString("base64")}, client-key-data: ${Buffer.from("KEY").toString("base64")}, as: root}
contexts:
- name: prod
  context: {cluster: prod, user: prod}
- name: broken
  context: {cluster: nowhere}
`,
  );
});
afterAll(() => rmSync(directory, { recursive: true }));

describe("loadClusterAccess", () => {
  test("merges the files of KUBECONFIG, the first entry and the first current context winning", async () => {
    const access = loadClusterAccess({ env: { KUBECONFIG: `${join(directory, "missing")}:${one}:${two}` } });
    expect(access).toMatchObject({ server: "https://dev:6443", caPem: "CA", namespace: "web", context: "dev" });
    expect(await access.credentials.get()).toEqual({ token: "secret-dev" });
  });

  test("takes the context that is asked for, with client certificates and impersonation", async () => {
    const access = loadClusterAccess({ env: { KUBECONFIG: `${one}:${two}` }, context: "prod" });
    expect(access).toMatchObject({
      server: "https://prod",
      caPem: "PROD",
      tlsServerName: "api",
      namespace: "default",
      impersonate: { user: "root", groups: [] },
    });
    expect(await access.credentials.get()).toEqual({ certPem: "CERT", keyPem: "KEY" });
  });

  test.each([
    [{ context: "nope" }, 'no context "nope"; it has "dev", "prod", "broken"'],
    [{ context: "broken" }, 'names the cluster "nowhere", which has no server'],
    [{ kubeconfig: "/does/not/exist" }, 'Kubeconfig "/does/not/exist" does not exist'],
    [{ asGroups: ["dev"] }, "pass --as too"],
  ])("says what is wrong with %j", (options, message) => {
    expect(() => loadClusterAccess({ env: { KUBECONFIG: `${one}:${two}` }, ...options })).toThrow(message);
  });

  test("says where it looked when there is no configuration", () => {
    expect(() => loadClusterAccess({ env: { HOME: directory } })).toThrow(
      `No Kubernetes cluster is configured: none of "${join(directory, ".kube/config")}" exists`,
    );
  });

  test("broken YAML is named with its file", () => {
    const bad = join(directory, "bad");
    writeFileSync(bad, "a: [b");
    expect(() => loadClusterAccess({ env: {}, kubeconfig: bad })).toThrow(`Kubeconfig "${bad}" is no valid YAML`);
  });
});

describe("inClusterAccess", () => {
  test("reads the mount, and the token anew after a minute", async () => {
    const clock = new FakeClock();
    writeFileSync(join(directory, "ca.crt"), "CLUSTER-CA");
    writeFileSync(join(directory, "namespace"), "linkerd\n");
    writeFileSync(join(directory, "token"), "first\n");
    const env = { KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "443" };
    const access = inClusterAccess(env, { clock, directory });
    expect(access).toMatchObject({ server: "https://[fd00::1]:443", caPem: "CLUSTER-CA", namespace: "linkerd" });
    expect(await access.credentials.get()).toEqual({ token: "first" });
    writeFileSync(join(directory, "token"), "second");
    expect(await access.credentials.get()).toEqual({ token: "first" });
    clock.advance(61_000);
    expect(await access.credentials.get()).toEqual({ token: "second" });
    rmSync(join(directory, "token"));
    access.credentials.invalidate();
    expect(await access.credentials.get()).toEqual({ token: "second" });
  });
});

describe("execCredentials", () => {
  test("runs the program once for many requests and again when the credential expires", async () => {
    const clock = new FakeClock(Date.UTC(2026, 0, 1));
    let runs = 0;
    const source = execCredentials({ command: "helper", args: ["token"] }, { server: "https://x" }, clock, () => {
      runs++;
      return Promise.resolve(
        JSON.stringify({
          status: { token: `t${runs}`, expirationTimestamp: new Date(clock.wall() + 60_000).toISOString() },
        }),
      );
    });
    expect(await Promise.all([source.get(), source.get()])).toEqual([{ token: "t1" }, { token: "t1" }]);
    clock.advance(55_000);
    expect(await source.get()).toEqual({ token: "t2" });
    expect(source.invalidate()).toBe(true);
    expect(await source.get()).toEqual({ token: "t3" });
  });

  test("a helper that fails is named with its hint", () => {
    const source = execCredentials(
      { command: "/no/such/helper", installHint: "Install it" },
      { server: "https://x" },
      new FakeClock(),
    );
    expect(source.get()).rejects.toThrow('Failed to run the credential plugin "/no/such/helper"; Install it');
  });
});
