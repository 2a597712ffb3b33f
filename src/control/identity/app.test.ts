import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Drain } from "#lib/drain.ts";
import type { MeshError } from "#lib/errors.ts";
import { memoryLog } from "#lib/log.ts";
import { Registry } from "#lib/metrics/registry.ts";
import { connect } from "#lib/net/connect.ts";
import { seededRandom } from "#lib/random.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { certificatePem, parseCertificate, parseCertificates, verifyChain } from "#lib/x509/certificate.ts";
import { createCsr } from "#lib/x509/csr.ts";
import { createKey } from "#lib/x509/key.ts";
import { type Authority, createIssuer, createRoot, validFor } from "#lib/x509/sign.ts";
import { resources } from "#kube/resource.ts";
import { FakeApi } from "#kube/testing/fake-api.ts";
import { RpcClient } from "#rpc/client.ts";
import { Identity } from "#rpc/gen/identity_pb.ts";
import { TrustAnchors } from "#rpc/gen/trust_anchors_pb.ts";
import { receive } from "../testing/harness.ts";
import { start } from "./app.ts";

const ends: Array<() => unknown> = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

const name = "web.emojivoto.serviceaccount.identity.linkerd.cluster.local";
const day = 24 * 3600 * 1000;

async function world() {
  const clock = new FakeClock();
  const root = createRoot("root", validFor(clock.wall(), 365 * day, day));
  const issuer = createIssuer(root, "issuer", validFor(clock.wall(), 30 * day, day));
  const directory = mkdtempSync(join(tmpdir(), "identity-"));
  ends.push(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, "crt.pem"), certificatePem(issuer.certificate));
  writeFileSync(join(directory, "key.pem"), issuer.key.privateKeyPem);
  writeFileSync(join(directory, "anchors"), certificatePem(root.certificate));
  const api = new FakeApi();
  ends.push(() => api.stop());
  api.intercept = async (request, url) => {
    if (!url.pathname.endsWith("/tokenreviews")) return null;
    const { spec } = (await request.json()) as { spec: { token: string; audiences: string[] } };
    const user = { username: `system:serviceaccount:emojivoto:${spec.token}` };
    return Response.json({ status: { authenticated: spec.token !== "forged", audiences: spec.audiences, user } });
  };
  const kubeconfig = join(directory, "kubeconfig");
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      "current-context": "c",
      contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
      clusters: [{ name: "c", cluster: { server: api.url } }],
      users: [{ name: "u", user: {} }],
    }),
  );
  const drain = new Drain();
  const program = await start({
    args: [
      "--addr=127.0.0.1:0",
      "--admin-addr=127.0.0.1:0",
      "--identity-issuance-lifetime=20s",
      "--identity-clock-skew-allowance=1s",
      `--issuer-directory=${directory}`,
      `--trust-anchors-file=${join(directory, "anchors")}`,
      `--kubeconfig=${kubeconfig}`,
    ],
    env: {},
    clock,
    random: seededRandom(1),
    log: memoryLog().log,
    registry: new Registry(),
    drain,
  });
  ends.push(() => program.stop());
  const client = new RpcClient({
    connect: (handler) => connect({ ip: "127.0.0.1", port: program.port, timeout: 1000 }, handler),
    authority: "linkerd-identity",
  });
  ends.push(() => client.close());
  const certify = (token: string) =>
    client.unary(
      Identity.method.certify,
      {
        identity: name,
        token: new TextEncoder().encode(token),
        certificateSigningRequest: createCsr(createKey(), name),
      },
      { timeout: 5000 },
    );
  const metrics = async () => await (await fetch(`http://127.0.0.1:${program.adminPort}/metrics`)).text();
  /** Writes the issuer and the anchors anew and lets the program see them. */
  const rotate = (anchors: readonly Authority[], below?: Authority): void => {
    writeFileSync(join(directory, "anchors"), anchors.map(({ certificate }) => certificatePem(certificate)).join(""));
    if (below !== undefined) {
      writeFileSync(join(directory, "crt.pem"), certificatePem(below.certificate));
      writeFileSync(join(directory, "key.pem"), below.key.privateKeyPem);
    }
    clock.advance(5000);
  };
  return { clock, root, api, certify, metrics, client, rotate, drain };
}

test("a proxy gets a certificate that the anchors vouch for, and an Event tells", async () => {
  const { certify, clock, root, api, metrics } = await world();
  const response = await certify("web");
  const leaf = parseCertificate(response.leafCertificate);
  verifyChain(leaf, response.intermediateCertificates.map(parseCertificate), [root.certificate], clock.wall());
  expect(leaf.dnsNames).toEqual([name]);
  expect(Number(response.validUntil?.seconds) * 1000).toBe(leaf.notAfter);
  expect(leaf.notAfter - clock.wall()).toBe(21_000);
  const text = await metrics();
  expect(text).toContain(`issuer_cert_ttl_seconds ${(31 * day) / 1000}`);
  expect(text).toContain('identity_certify_total{outcome="issued"} 1');
  const created = api.requests.filter(
    (request) => request.startsWith(`POST`) && request.includes(`/${resources.events.plural}`),
  );
  expect(created).toHaveLength(1);
});

test("a forged token and another ServiceAccount's token get a status that says so", async () => {
  const { certify, metrics } = await world();
  await expect(certify("forged")).rejects.toThrow("Kubernetes does not accept the token");
  await expect(certify("voting")).rejects.toThrow("The token stands for");
  const text = await metrics();
  expect(text).toContain('identity_certify_total{outcome="unauthenticated"} 1');
  expect(text).toContain('identity_certify_total{outcome="permission-denied"} 1');
});

test("a request that is far larger than any real one is refused before it is held in memory", async () => {
  const { certify } = await world();
  const fails = certify("x".repeat(100_000)).then(
    () => "",
    ({ code }: MeshError) => code,
  );
  expect(await fails).toBe("resource-exhausted");
});

test("flags that make no sense stop the start", async () => {
  const bad = (flag: string) =>
    start({
      args: [flag],
      env: {},
      clock: new FakeClock(),
      random: seededRandom(1),
      log: memoryLog().log,
      registry: new Registry(),
      drain: new Drain(),
    });
  await expect(bad("--identity-issuance-lifetime=soon")).rejects.toThrow(
    'Flag "--identity-issuance-lifetime" is not valid',
  );
  await expect(bad("--identity-scheme=vault")).rejects.toThrow("not one of");
  await expect(bad("--banana=1")).rejects.toThrow('Unknown argument "--banana=1"');
});

test("proxies hear of the trust anchors at once, of each change and of nothing else, until the program stops", async () => {
  const { client, clock, root, certify, rotate, drain } = await world();
  const stream = receive(client, TrustAnchors.method.watch, {});
  const names = (): string[][] =>
    stream.messages.map(({ bundlePem }) =>
      parseCertificates(bundlePem)
        .map(({ subjectCn }) => subjectCn ?? "")
        .toSorted(),
    );
  await stream.when(() => stream.messages.length === 1);
  const next = createRoot("next", validFor(clock.wall(), 365 * day, day));
  rotate([root, next]);
  await stream.when(() => stream.messages.length === 2);
  // The issuer alone: the anchors stay, certificates are below the new root from now on.
  rotate([root, next], createIssuer(next, "second", validFor(clock.wall(), 30 * day, day)));
  await stream.when(() => stream.messages.length === 3);
  const { leafCertificate, intermediateCertificates } = await certify("web");
  const chain = intermediateCertificates.map(parseCertificate);
  verifyChain(parseCertificate(leafCertificate), chain, [next.certificate], clock.wall());
  rotate([next]);
  await stream.when(() => stream.messages.length === 4);
  expect(names()).toEqual([["root"], ["next", "root"], ["next", "root"], ["next"]]);
  const issuers = stream.messages.map(({ issuerSha256 }) => issuerSha256);
  expect(issuers[0]).toMatch(/^[0-9a-f]{64}$/);
  expect(issuers.map((issuer) => issuer === issuers[0])).toEqual([true, true, false, false]);
  drain.start();
  await stream.when(() => stream.ended !== null);
  expect(stream.ended?.message).toBe("The server is shutting down");
});
