import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { MeshError } from "../errors.ts";
import { seededRandom } from "../random.ts";
import { altNamesExtension } from "./alt-names.ts";
import { certificatePem, parseCertificate } from "./certificate.ts";
import { createCsr, oidEcdsaSha256, parseCsr } from "./csr.ts";
import { bitString, context, der, integer, oid, sequence, tags } from "./der.ts";
import { createKey } from "./key.ts";
import { commonName } from "./name.ts";
import { decodePem, encodePem } from "./pem.ts";
import { createRoot, validFor } from "./sign.ts";

const key = createKey();
const name = "a.b.serviceaccount.identity.linkerd.cluster.local";

function csrWith(
  options: { version?: number; signer?: typeof key; attributes?: Uint8Array[]; algorithm?: string } = {},
): Uint8Array {
  const info = sequence(
    integer(Uint8Array.of(options.version ?? 0)),
    commonName(name),
    key.publicKeyDer,
    context(0, ...(options.attributes ?? [])),
  );
  const signature = bitString((options.signer ?? key).sign(info));
  return sequence(info, sequence(oid(options.algorithm ?? oidEcdsaSha256)), signature);
}

const extensionRequest = (...extensions: Uint8Array[]): Uint8Array =>
  sequence(oid("1.2.840.113549.1.9.14"), der(tags.set, sequence(...extensions)));

test("a request gives back its name and key", () => {
  expect(parseCsr(createCsr(key, name))).toEqual({
    subjectCn: name,
    dnsNames: [name],
    otherSans: false,
    publicKeyDer: key.publicKeyDer,
  });
});

test("a request without alternative names has none", () => {
  expect(parseCsr(csrWith())).toMatchObject({ dnsNames: [], otherSans: false });
});

test("addresses count as other names", () => {
  const csr = csrWith({ attributes: [extensionRequest(altNamesExtension({ dns: [name], ip: ["10.0.0.1"] }))] });
  expect(parseCsr(csr)).toMatchObject({ dnsNames: [name], otherSans: true });
});

test("URI names count as other names", () => {
  const csr = csrWith({ attributes: [extensionRequest(altNamesExtension({ dns: [name], uri: ["spiffe://x/y"] }))] });
  expect(parseCsr(csr)).toMatchObject({ dnsNames: [name], otherSans: true });
});

test("a DNS name with a NUL in it is no DNS name", () => {
  const csr = csrWith({ attributes: [extensionRequest(altNamesExtension({ dns: [`${name}\0.evil`] }))] });
  expect(parseCsr(csr)).toMatchObject({ dnsNames: [], otherSans: true });
});

test("a request signed with another key is rejected", () => {
  expect(() => parseCsr(csrWith({ signer: createKey() }))).toThrow("its signature is wrong");
});

test("versions, algorithms, doubled extensions and trailing bytes are rejected", () => {
  expect(() => parseCsr(csrWith({ version: 1 }))).toThrow("its version is not 1");
  expect(() => parseCsr(csrWith({ algorithm: "1.2.840.10045.4.3.3" }))).toThrow('algorithm "1.2.840.10045.4.3.3"');
  const names = altNamesExtension({ dns: [name] });
  expect(() => parseCsr(csrWith({ attributes: [extensionRequest(names, names)] }))).toThrow("comes twice");
  const twice = [extensionRequest(names), extensionRequest(names)];
  expect(() => parseCsr(csrWith({ attributes: twice }))).toThrow("requests extensions twice");
  expect(() => parseCsr(Buffer.concat([createCsr(key, name), Buffer.of(0)]))).toThrow("something follows");
});

/** Whatever the bytes are: an answer or an "invalid-argument", nothing else, and soon. */
function survives(parse: (bytes: Uint8Array) => unknown, bytes: Uint8Array): boolean {
  try {
    parse(bytes);
    return true;
  } catch (error) {
    if (error instanceof MeshError && error.code === "invalid-argument") return true;
    throw error;
  }
}

test("mutated and truncated requests and certificates never do worse than be refused", () => {
  const random = seededRandom(7);
  const certificate = createRoot("root.test", validFor(0, 1e12)).certificate.der;
  for (const [good, parse] of [
    [createCsr(key, name), parseCsr],
    [certificate, parseCertificate],
  ] as const) {
    for (let length = 0; length < good.length; length++) survives(parse, good.subarray(0, length));
    for (let round = 0; round < 3000; round++) {
      const bad = Uint8Array.from(good);
      for (let flips = 1 + Math.floor(random.next() * 3); flips > 0; flips--) {
        bad[Math.floor(random.next() * bad.length)] = Math.floor(random.next() * 256);
      }
      survives(parse, bad);
    }
  }
});

test("a request with any single bit of it changed is refused or means the same", () => {
  const good = createCsr(key, name);
  const meaning = JSON.stringify(parseCsr(good));
  for (let bit = 0; bit < good.length * 8; bit += 3) {
    const bad = Uint8Array.from(good);
    bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    let said: string;
    try {
      said = JSON.stringify(parseCsr(bad));
    } catch {
      continue;
    }
    expect(said).toBe(meaning);
  }
});

test("random bytes never do worse than be refused", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      (bytes) => survives(parseCsr, bytes) && survives(parseCertificate, bytes),
    ),
    { numRuns: 500 },
  );
});

test("PEM is read back, and broken PEM is named", () => {
  const root = createRoot("root.test", validFor(0, 1e12)).certificate;
  expect(decodePem(certificatePem(root))).toEqual([{ label: "CERTIFICATE", der: root.der }]);
  expect(() => decodePem("-----BEGIN A-----\nAAAA\n")).toThrow('PEM block "A" has no end');
  expect(() => decodePem("-----BEGIN A-----\n!\n-----END A-----")).toThrow('PEM block "A" is not base64');
  expect(encodePem("A", Uint8Array.of(1))).toBe("-----BEGIN A-----\nAQ==\n-----END A-----\n");
});
