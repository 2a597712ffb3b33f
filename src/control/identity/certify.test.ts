import { expect, test } from "bun:test";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { MeshError } from "#lib/errors.ts";
import { Watchable } from "#lib/watchable.ts";
import { parseCertificate, verifyChain } from "#lib/x509/certificate.ts";
import { createCsr } from "#lib/x509/csr.ts";
import { createKey } from "#lib/x509/key.ts";
import { createIssuer, createRoot, validFor } from "#lib/x509/sign.ts";
import { certify, checkNames, type CertifyDeps } from "./certify.ts";
import type { Issuer } from "./issuer.ts";

const day = 24 * 3600 * 1000;
const name = "web.emojivoto.serviceaccount.identity.linkerd.cluster.local";
const token = new TextEncoder().encode("token\n");
const clock = new FakeClock();
const root = createRoot("root", validFor(clock.wall(), 365 * day));
const issuer = createIssuer(root, "issuer", validFor(clock.wall(), 30 * day));
const key = createKey();

function deps(changes: Partial<CertifyDeps> = {}): CertifyDeps {
  return {
    scope: { controlPlaneNamespace: "linkerd", trustDomain: "cluster.local" },
    issuer: new Watchable<Issuer>({ authority: issuer, chain: [issuer.certificate], anchorsPem: "", fingerprint: "" }),
    review: (given) => {
      expect(given).toBe("token");
      return Promise.resolve({ namespace: "emojivoto", serviceAccount: "web" });
    },
    clock,
    lifetime: day,
    skew: 20_000,
    ...changes,
  };
}

async function failure(run: Promise<unknown>): Promise<string> {
  try {
    await run;
  } catch (error) {
    if (error instanceof MeshError) return `${error.code}: ${error.message}`;
    throw error;
  }
  throw new Error("nothing was thrown");
}

test("a leaf lives for the lifetime with the skew on both sides, names only the identity, and holds against the anchor", async () => {
  const { leaf, intermediates } = await certify({ identity: name, token, csr: createCsr(key, name) }, deps());
  expect(leaf.notBefore).toBe(
    clock.wall() - 20_000 < issuer.certificate.notBefore ? issuer.certificate.notBefore : clock.wall() - 20_000,
  );
  expect(leaf.notAfter).toBe(clock.wall() + day + 20_000);
  expect([leaf.dnsNames, leaf.uris, leaf.otherSans, leaf.isCa]).toEqual([[name], [], false, false]);
  expect(Buffer.compare(leaf.publicKeyDer, key.publicKeyDer)).toBe(0);
  verifyChain(leaf, intermediates.map(parseCertificate), [root.certificate], clock.wall());
});

test("a leaf never outlives its issuer", async () => {
  const { leaf } = await certify({ identity: name, token, csr: createCsr(key, name) }, deps({ lifetime: 90 * day }));
  expect(leaf.notAfter).toBe(issuer.certificate.notAfter);
});

test("an expired issuer issues nothing and says so", async () => {
  const late = new FakeClock(issuer.certificate.notAfter + 1000);
  expect(await failure(certify({ identity: name, token, csr: createCsr(key, name) }, deps({ clock: late })))).toMatch(
    /^unavailable: The identity issuer expired at 2026-01-31/,
  );
});

test("a token of another ServiceAccount gets no certificate for this name", async () => {
  const review = () => Promise.resolve({ namespace: "emojivoto", serviceAccount: "voting" });
  expect(await failure(certify({ identity: name, token, csr: createCsr(key, name) }, deps({ review })))).toBe(
    `permission-denied: The token stands for "voting.emojivoto.serviceaccount.identity.linkerd.cluster.local" and not for "${name}"`,
  );
});

test("the control plane's own accounts get certificates for the webhooks that they serve, and nobody else does", async () => {
  const ask = (host: string, namespace: string, serviceAccount: string) =>
    certify(
      { identity: host, token, csr: createCsr(key, host) },
      deps({ review: () => Promise.resolve({ namespace, serviceAccount }) }),
    );
  const { leaf } = await ask("linkerd-sp-validator.linkerd.svc", "linkerd", "linkerd-destination");
  expect(leaf.dnsNames).toEqual(["linkerd-sp-validator.linkerd.svc"]);
  const refused: Array<[string, string, string]> = [
    ["linkerd-sp-validator.linkerd.svc", "linkerd", "linkerd-proxy-injector"],
    ["linkerd-sp-validator.linkerd.svc", "emojivoto", "linkerd-destination"],
    ["linkerd-sp-validator.emojivoto.svc", "emojivoto", "linkerd-destination"],
    ["kubernetes.default.svc", "linkerd", "linkerd-destination"],
    ["linkerd-proxy-injector.linkerd.svc", "linkerd", "constructor"],
  ];
  for (const [host, namespace, account] of refused) {
    expect(await failure(ask(host, namespace, account))).toStartWith("permission-denied: The token stands for");
  }
});

test("requests that are not exactly right are refused before Kubernetes is asked", async () => {
  const review = (): Promise<never> => {
    throw new Error("asked");
  };
  const csr = createCsr(key, name);
  const tampered = Uint8Array.from(csr);
  tampered[tampered.length - 1] = (tampered.at(-1) ?? 0) ^ 1;
  const cases: Array<[Parameters<typeof certify>[0], RegExp]> = [
    [{ identity: "", token, csr }, /names no identity/],
    [{ identity: name, token: new Uint8Array(), csr }, /carries no token/],
    [{ identity: name, token, csr: new Uint8Array() }, /carries no signing request/],
    [{ identity: name, token: new Uint8Array(20_000), csr }, /too large/],
    [{ identity: "Web.Emojivoto", token, csr }, /not a lower-case DNS name/],
    [{ identity: name, token, csr: new Uint8Array(100) }, /signing request is not usable/],
    [{ identity: name, token, csr: tampered }, /its signature is wrong/],
    [{ identity: name, token, csr: createCsr(key, "admin.kube-system.example") }, /is for "admin.kube-system.example"/],
  ];
  for (const [input, message] of cases) {
    expect(await failure(certify(input, deps({ review })))).toMatch(message);
  }
});

test("a signing request names the identity once, and nothing else in any form", () => {
  const good = { subjectCn: name, dnsNames: [name], otherSans: false };
  expect(() => checkNames(good, name)).not.toThrow();
  expect(() => checkNames({ ...good, subjectCn: null }, name)).not.toThrow();
  const bad: Array<[Partial<typeof good>, RegExp]> = [
    [{ otherSans: true }, /names other than DNS names/],
    [{ dnsNames: [] }, /0 DNS names/],
    [{ dnsNames: [name, name] }, /2 DNS names/],
    [{ dnsNames: ["*.emojivoto.example"] }, /is for "\*.emojivoto.example"/],
    [{ subjectCn: "kubernetes-admin" }, /common name "kubernetes-admin"/],
  ];
  for (const [change, message] of bad) expect(() => checkNames({ ...good, ...change }, name)).toThrow(message);
});
