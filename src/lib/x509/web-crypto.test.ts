/** WebCrypto is held against node:crypto, which openssl is held against. */
import { expect, test } from "bun:test";
import { isIssuedBy, parseCertificates, verifyChain, type Certificate } from "./certificate.ts";
import { csrInfo, parseCsr, signedCsr } from "./csr.ts";
import { createKey, loadKey } from "./key.ts";
import { createIssuer, createLeaf, createRoot, validFor } from "./sign.ts";
import { checkSignatures, createWebKey, loadWebKey } from "./web-crypto.ts";

const hour = 3_600_000;
const now = Date.now();
const root = createRoot("root.test", validFor(now, hour));
const issuer = createIssuer(root, "issuer.test", validFor(now, hour));
const leaf = createLeaf(issuer, ["web.test"], validFor(now, hour)).certificate;

test("a new key is one that node:crypto reads, with the same public half", async () => {
  const key = await createWebKey();
  const same = loadKey(key.privateKeyPem);
  expect(same.publicKeyDer).toEqual(key.publicKeyDer);
  expect(same.privateKeyDer).toEqual(key.privateKeyDer);
});

test("a key is read back, and its request is proven, however short the numbers of the signature are", async () => {
  const made = createKey();
  const key = await loadWebKey(made.privateKeyDer);
  expect(key.publicKeyDer).toEqual(made.publicKeyDer);
  expect(key.privateKeyPem).toBe(made.privateKeyPem);
  // One signature in 128 has a number with a leading zero.
  for (let i = 0; i < 300; i++) {
    const info = csrInfo(key.publicKeyDer, `web-${i}.test`);
    expect(parseCsr(signedCsr(info, await key.sign(info))).dnsNames).toEqual([`web-${i}.test`]);
  }
});

test("anything but a P-256 key is refused", async () => {
  expect(loadWebKey(new Uint8Array(20))).rejects.toThrow("Reading a P-256 private key failed");
  const other = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-384" }, true, ["sign"]);
  const pkcs8 = new Uint8Array(await crypto.subtle.exportKey("pkcs8", other.privateKey));
  expect(loadWebKey(pkcs8)).rejects.toThrow("Reading a P-256 private key failed");
});

test("a chain is verified by checked signatures, and one of another root with the same name is not", async () => {
  const impostor = createRoot("root.test", validFor(now, hour));
  const chain = [leaf, issuer.certificate];
  const issuers = [issuer.certificate, root.certificate, impostor.certificate];
  const issuedBy = await checkSignatures(chain, issuers);
  expect(verifyChain(leaf, [issuer.certificate], [root.certificate], now, issuedBy)).toHaveLength(3);
  expect(() => verifyChain(leaf, [issuer.certificate], [impostor.certificate], now, issuedBy)).toThrow(
    "unknown authority",
  );
  for (const certificate of chain) {
    for (const by of issuers) expect(issuedBy(certificate, by)).toBe(isIssuedBy(certificate, by));
  }
});

test("a certificate with any byte of what is signed changed carries no signature", async () => {
  const { der } = leaf;
  for (const at of [30, 60, 120, der.length - 40, der.length - 3]) {
    const broken = Uint8Array.from(der);
    broken[at] = (broken[at] ?? 0) ^ 1;
    const changed: Certificate = { ...leaf, der: broken };
    const answer = await checkSignatures([changed], [issuer.certificate]).then(
      (issuedBy) => issuedBy(changed, issuer.certificate),
      () => false,
    );
    expect(answer).toBe(false);
  }
});

test("issuers of other kinds are checked as well", async () => {
  for (const [kind, options] of [
    ["rsa:2048", []],
    ["ec", ["-pkeyopt", "ec_paramgen_curve:secp384r1"]],
    ["ec", ["-pkeyopt", "ec_paramgen_curve:secp521r1"]],
  ] as const) {
    const made = Bun.spawnSync([
      ...["openssl", "req", "-x509", "-newkey", kind, ...options, "-nodes", "-keyout", "/dev/null"],
      ...["-days", "1", "-sha384", "-subj", `/CN=${kind}`],
    ]);
    const [anchor] = parseCertificates(made.stdout.toString());
    const issuedBy = await checkSignatures([anchor!], [anchor!, root.certificate]);
    expect(issuedBy(anchor!, anchor!)).toBe(true);
    expect(issuedBy(anchor!, root.certificate)).toBe(false);
  }
});
