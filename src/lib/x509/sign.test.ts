/** Certificates are held against another implementation: the openssl command. */
import { afterAll, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { certificatePem, parseCertificatePem, parseCertificates, verifyChain } from "./certificate.ts";
import { createCsr, parseCsr } from "./csr.ts";
import { createKey, loadKey } from "./key.ts";
import { encodePem } from "./pem.ts";
import { createIssuer, createLeaf, createRoot, signCertificate, validFor } from "./sign.ts";

const folder = mkdtempSync(join(tmpdir(), "x509-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function openssl(...args: string[]): string {
  const result = spawnSync("openssl", args, { encoding: "utf8", timeout: 10_000 });
  return result.stdout + result.stderr;
}

const hour = 3_600_000;
const now = Date.now();
const root = createRoot("root.linkerd.cluster.local", validFor(now, 24 * hour, hour));
const issuer = createIssuer(root, "identity.linkerd.cluster.local", validFor(now, 24 * hour, hour));
const name = "web.emojivoto.serviceaccount.identity.linkerd.cluster.local";

test("openssl verifies a leaf over its issuer up to the root, for both purposes", () => {
  const leaf = createLeaf(issuer, [name], validFor(now, hour, 20_000));
  const anchor = file("root.pem", certificatePem(root.certificate));
  const middle = file("issuer.pem", certificatePem(issuer.certificate));
  const end = file("leaf.pem", certificatePem(leaf.certificate));
  for (const purpose of ["sslserver", "sslclient"]) {
    const said = openssl("verify", "-x509_strict", "-purpose", purpose, "-CAfile", anchor, "-untrusted", middle, end);
    expect(said).toBe(`${end}: OK\n`);
  }
  const text = openssl("x509", "-in", end, "-noout", "-text");
  expect(text).toContain(`DNS:${name}`);
  expect(text).toContain("Digital Signature");
  expect(text).toContain("TLS Web Server Authentication, TLS Web Client Authentication");
  expect(text).toContain("CA:FALSE");
  expect(text).toContain("Version: 3 (0x2)");
  expect(openssl("x509", "-in", middle, "-noout", "-text")).toContain("CA:TRUE, pathlen:0");
});

test("openssl reads the key and it fits the certificate", () => {
  const leaf = createLeaf(issuer, [name], validFor(now, hour));
  const key = file("leaf.key", leaf.key.privateKeyPem);
  const end = file("leaf2.pem", certificatePem(leaf.certificate));
  expect(openssl("pkey", "-in", key, "-pubout")).toBe(openssl("x509", "-in", end, "-noout", "-pubkey"));
});

test("openssl verifies a signing request and sees its one name", () => {
  const key = createKey();
  const path = file("a.csr", createCsr(key, name));
  const said = openssl("req", "-inform", "DER", "-in", path, "-noout", "-text", "-verify");
  expect(said).toContain("verify OK");
  expect(said).toContain(`Subject: CN = ${name}`);
  expect(said).toContain(`DNS:${name}`);
});

test("a request made by openssl is read the same way", () => {
  const key = file("o.key", createKey().privateKeyPem);
  const path = join(folder, "o.csr");
  const said = openssl(
    ...["req", "-new", "-key", key, "-sha256", "-subj", "/CN=a.test", "-addext"],
    ...["subjectAltName=DNS:a.test,DNS:b.test,IP:10.0.0.1", "-outform", "DER", "-out", path],
  );
  expect(said).toBe("");
  const csr = parseCsr(new Uint8Array(readFileSync(path)));
  expect(csr).toMatchObject({ subjectCn: "a.test", dnsNames: ["a.test", "b.test"], otherSans: true });
});

test("times from 2050 on are GeneralizedTime and openssl agrees about every second", () => {
  for (const at of [Date.UTC(2049, 11, 31, 23, 59, 59), Date.UTC(2050, 0, 1), Date.UTC(2099, 5, 7, 8, 9, 10)]) {
    const authority = createRoot("root.test", { notBefore: now, notAfter: at });
    expect(authority.certificate.notAfter).toBe(at);
    const path = file("time.pem", certificatePem(authority.certificate));
    const said = openssl("x509", "-in", path, "-noout", "-enddate", "-dateopt", "iso_8601");
    expect(said).toBe(`notAfter=${new Date(at).toISOString().slice(0, 19).replace("T", " ")}Z\n`);
  }
});

test("URI names are carried, and an empty subject makes the names critical", () => {
  const key = createKey();
  const uri = "spiffe://root.linkerd.cluster.local/ns/a/sa/b";
  const certificate = signCertificate({
    ...validFor(now, hour),
    issuer,
    subject: "",
    publicKeyDer: key.publicKeyDer,
    uris: [uri],
    usages: ["client"],
  });
  const text = openssl("x509", "-in", file("uri.pem", certificatePem(certificate)), "-noout", "-text");
  expect(text).toContain("X509v3 Subject Alternative Name: critical");
  expect(text).toContain(`URI:${uri}`);
  expect(text).not.toContain("TLS Web Server");
  expect(certificate).toMatchObject({ uris: [uri], dnsNames: [], subjectCn: null });
});

test("addresses among the names of a leaf become address entries", () => {
  const leaf = createLeaf(issuer, ["api.test", "10.0.0.1", "fd00::1"], validFor(now, hour));
  expect(leaf.certificate).toMatchObject({ dnsNames: ["api.test"], ips: ["10.0.0.1", "fd00::1"], otherSans: false });
  const text = openssl("x509", "-in", file("ip.pem", certificatePem(leaf.certificate)), "-noout", "-text");
  expect(text).toContain("DNS:api.test, IP Address:10.0.0.1, IP Address:FD00:0:0:0:0:0:0:1");
});

test("skew reaches out on both sides", () => {
  const leaf = createLeaf(issuer, [name], validFor(now, hour, 20_000)).certificate;
  expect(leaf.notBefore).toBe(Math.floor((now - 20_000) / 1000) * 1000);
  expect(leaf.notAfter).toBe(Math.floor((now + hour + 20_000) / 1000) * 1000);
});

test("a leaf is no authority and nothing is valid for no time", () => {
  const leaf = createLeaf(issuer, [name], validFor(now, hour));
  expect(() => createLeaf(leaf, ["x.test"], validFor(now, hour))).toThrow("is not a certificate authority");
  expect(() => createLeaf(issuer, ["x.test"], validFor(now, 0))).toThrow("would never be valid");
});

test("chains are checked for signature, time, authority and depth", () => {
  const leaf = createLeaf(issuer, [name], validFor(now, hour)).certificate;
  expect(verifyChain(leaf, [issuer.certificate], [root.certificate], now)).toEqual([
    leaf,
    issuer.certificate,
    root.certificate,
  ]);
  const other = createRoot("root.linkerd.cluster.local", validFor(now, hour));
  expect(() => verifyChain(leaf, [issuer.certificate], [other.certificate], now)).toThrow("unknown authority");
  expect(() => verifyChain(leaf, [], [root.certificate], now)).toThrow("unknown authority");
  expect(() => verifyChain(leaf, [issuer.certificate], [root.certificate], now + 2 * hour)).toThrow("expired at");
  expect(() => verifyChain(leaf, [issuer.certificate], [root.certificate], now - 2 * hour)).toThrow("not valid before");
  const below = createIssuer(issuer, "too-deep", validFor(now, hour));
  const deep = createLeaf(below, [name], validFor(now, hour)).certificate;
  expect(() => verifyChain(deep, [below.certificate, issuer.certificate], [root.certificate], now)).toThrow(
    "allows only 0 authorities below itself",
  );
});

test("of anchors with one key, as an anchor and its renewal, the one that is valid counts, whichever comes first", () => {
  const renewal = signCertificate({
    ...validFor(now, 48 * hour),
    issuer: null,
    selfKey: root.key,
    subject: "root.linkerd.cluster.local",
    publicKeyDer: root.key.publicKeyDer,
    ca: { pathLength: null },
  });
  const longLived = createIssuer({ ...root, certificate: renewal }, "identity", validFor(now, 48 * hour)).certificate;
  const later = now + 30 * hour;
  expect(verifyChain(longLived, [], [root.certificate, renewal], later)).toEqual([longLived, renewal]);
  expect(verifyChain(longLived, [], [renewal, root.certificate], later)).toEqual([longLived, renewal]);
  expect(() => verifyChain(longLived, [], [root.certificate], later)).toThrow("expired at");
});

test("an RSA anchor made by openssl is read and verifies what it signed", () => {
  const caKey = join(folder, "rsa.key");
  const ca = join(folder, "rsa.pem");
  openssl(
    ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", caKey, "-out", ca, "-days", "2"],
    ...["-subj", "/O=Example/CN=rsa root", "-addext", "keyUsage=critical,keyCertSign"],
  );
  const csr = join(folder, "i.csr");
  const out = join(folder, "i.pem");
  const key = file("i.key", createKey().privateKeyPem);
  openssl("req", "-new", "-key", key, "-subj", "/CN=issuer", "-out", csr);
  const extensions = file("ext", "basicConstraints=critical,CA:TRUE,pathlen:0\nsubjectKeyIdentifier=hash\n");
  openssl(
    ...["x509", "-req", "-in", csr, "-CA", ca, "-CAkey", caKey, "-CAcreateserial", "-days", "1", "-out", out],
    ...["-extfile", extensions],
  );
  const read = (path: string): string => readFileSync(path, "utf8");
  const anchor = parseCertificatePem(read(ca));
  expect(anchor).toMatchObject({ keyType: "rsa-2048", isCa: true, subjectCn: "rsa root" });
  const middle = { certificate: parseCertificatePem(read(out)), key: loadKey(read(key)) };
  const leaf = createLeaf(middle, [name], validFor(Date.now(), hour));
  const path = verifyChain(leaf.certificate, [middle.certificate], [anchor], Date.now() + 2000);
  expect(path.map((certificate) => certificate.subjectCn)).toEqual([name, "issuer", "rsa root"]);
});

test("a bundle gives every certificate in order, and text around them does not matter", () => {
  const bundle = `# ours\n${certificatePem(issuer.certificate)}\r\nbag: x\n${certificatePem(root.certificate)}`;
  expect(parseCertificates(bundle).map((certificate) => certificate.subjectCn)).toEqual([
    "identity.linkerd.cluster.local",
    "root.linkerd.cluster.local",
  ]);
  expect(() => parseCertificates(encodePem("PRIVATE KEY", root.key.privateKeyDer))).toThrow("no PEM certificate");
});

test("keys of other kinds are refused and never quoted", () => {
  const path = join(folder, "p384.key");
  openssl("ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", path);
  const pem: string = readFileSync(path, "utf8");
  expect(() => loadKey(pem)).toThrow('A key of type "ecdsa-p384" where ECDSA P-256 is needed');
  expect(() => loadKey("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----")).toThrow(
    "Reading a private key failed",
  );
  const key = createKey();
  expect(loadKey(key.privateKeyDer).privateKeyPem).toBe(key.privateKeyPem);
});
