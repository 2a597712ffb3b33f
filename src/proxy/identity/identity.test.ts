import { afterEach, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MeshError } from "#lib/errors.ts";
import { memoryLog } from "#lib/log.ts";
import { settle } from "#lib/net/testing/memory-socket.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { certificatePem, isIssuedBy, parseCertificates } from "#lib/x509/certificate.ts";
import { createCsr, parseCsr } from "#lib/x509/csr.ts";
import { createKey } from "#lib/x509/key.ts";
import { createIssuer, createRoot, signCertificate, validFor, type Authority } from "#lib/x509/sign.ts";
import type { CertifyRequest, CertifyResponse } from "./credentials.ts";
import { IdentityClient, readTokenFile } from "./identity-client.ts";
import { openKeyStore } from "./key-store.ts";
import { renewalDelay } from "./renewal.ts";
import { trustBundle } from "./trust-bundle.ts";
import { TrustRoots } from "./trust-roots.ts";

const second = 1000;
const hour = 3_600_000;
const day = 24 * hour;
const name = "web.emojivoto.serviceaccount.identity.linkerd.cluster.local";
const limits = { min: 10 * second, max: day };

describe("the renewal", () => {
  const cases: ReadonlyArray<readonly [life: number, delay: number]> = [
    [day, 0.7 * day],
    [20 * second, 14 * second],
    [5 * second, 3.5 * second],
    [365 * day, day],
    [0, 10 * second],
    [-hour, 10 * second],
  ];
  for (const [life, delay] of cases) {
    test(`of a certificate with ${life / second} s left is in ${delay / second} s`, () => {
      expect(renewalDelay(1e12, 1e12 + life, limits)).toBe(delay);
    });
  }
});

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});
function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "identity-"));
  folders.push(made);
  return made;
}

describe("the key store", () => {
  test("makes key and request, readable by nobody else, and finds them again", async () => {
    const dir = folder();
    const first = await openKeyStore(dir, name, memoryLog().log);
    expect(statSync(join(dir, "key.p8")).mode & 0o777).toBe(0o600);
    expect(parseCsr(new Uint8Array(readFileSync(join(dir, "csr.der"))))).toMatchObject({
      subjectCn: name,
      dnsNames: [name],
    });
    const again = await openKeyStore(dir, name, memoryLog().log);
    expect(again.key.privateKeyPem).toBe(first.key.privateKeyPem);
    expect(again.csr).toEqual(first.csr);
  });

  test("uses what another agent left there", async () => {
    const dir = folder();
    const key = createKey();
    const csr = createCsr(key, name);
    writeFileSync(join(dir, "key.p8"), key.privateKeyDer);
    writeFileSync(join(dir, "csr.der"), csr);
    const found = await openKeyStore(dir, name, memoryLog().log);
    expect(found.key.privateKeyDer).toEqual(key.privateKeyDer);
    expect(found.csr).toEqual(csr);
  });

  test("makes the request anew when it is missing or for another name", async () => {
    const dir = folder();
    const key = createKey();
    writeFileSync(join(dir, "key.p8"), key.privateKeyDer);
    expect(parseCsr((await openKeyStore(dir, name, memoryLog().log)).csr).publicKeyDer).toEqual(key.publicKeyDer);
    writeFileSync(join(dir, "csr.der"), createCsr(key, "other.test"));
    const { log, lines } = memoryLog();
    expect(parseCsr((await openKeyStore(dir, name, log)).csr).dnsNames).toEqual([name]);
    expect(lines.join()).toContain("for another name");
  });

  test("names the file that can't be used", async () => {
    const dir = folder();
    writeFileSync(join(dir, "key.p8"), "rubbish");
    await expect(openKeyStore(dir, name, memoryLog().log)).rejects.toThrow(`"${join(dir, "key.p8")}" can't be used`);
    writeFileSync(join(dir, "key.p8"), createKey().privateKeyDer);
    writeFileSync(join(dir, "csr.der"), createCsr(createKey(), name));
    await expect(openKeyStore(dir, name, memoryLog().log)).rejects.toThrow("is for another key");
  });

  test("keeps the key in memory where the directory can't be written", async () => {
    const dir = join(folder(), "missing");
    const { log, lines } = memoryLog();
    const { key, csr } = await openKeyStore(dir, name, log);
    expect(parseCsr(csr).publicKeyDer).toEqual(key.publicKeyDer);
    expect(existsSync(dir)).toBe(false);
    expect(lines.join()).toContain("the key stays in memory");
    expect(lines.join()).toContain("code=ENOENT");
  });

  test("tightens the mode of a file that was there", async () => {
    const dir = folder();
    writeFileSync(join(dir, "csr.der"), "old");
    chmodSync(join(dir, "csr.der"), 0o644);
    await openKeyStore(dir, name, memoryLog().log);
    expect(statSync(join(dir, "csr.der")).mode & 0o777).toBe(0o600);
  });
});

const keys = await openKeyStore("/nonexistent", name, memoryLog().log);

/** A client with a scripted identity service. */
function setUp(options: { life?: number; next?: number } = {}) {
  const clock = new FakeClock();
  const root = createRoot("root.test", validFor(clock.wall(), 365 * day));
  const issuer = createIssuer(root, "issuer.test", validFor(clock.wall(), 300 * day));
  const { log, lines } = memoryLog();
  // Signatures are checked at once: with the real thing every step would take a moment of real time.
  const check = (): Promise<typeof isIssuedBy> => Promise.resolve(isIssuedBy);
  const roots = new TrustRoots({ configuredPem: certificatePem(root.certificate), store: null, check, clock, log });
  const requests: CertifyRequest[] = [];
  const service = {
    life: options.life ?? day,
    /** What the next calls do instead of answering. */
    override: null as (() => Promise<CertifyResponse>) | null,
    names: [name],
    publicKey: keys.key.publicKeyDer,
    issuer,
  };
  const certify = (request: CertifyRequest): Promise<CertifyResponse> => {
    requests.push(request);
    if (service.override !== null) return service.override();
    const leaf = signCertificate({
      ...validFor(clock.wall(), service.life, 0),
      issuer: service.issuer,
      subject: service.names[0] ?? "",
      publicKeyDer: service.publicKey,
      dnsNames: service.names,
    });
    return Promise.resolve({
      leaf: leaf.der,
      intermediates: [service.issuer.certificate.der],
      validUntil: clock.wall() + service.life,
    });
  };
  let token = 0;
  const client = new IdentityClient({
    name,
    keys: Promise.resolve(keys),
    roots,
    readToken: () => Buffer.from(`token-${++token}`),
    certify,
    limits,
    clock,
    random: { next: () => options.next ?? 0 },
    log,
  });
  return { clock, client, service, requests, roots, lines, keys, root };
}

describe("the identity client", () => {
  test("publishes the first certificate with its chain", async () => {
    const { client, clock, requests, keys, root } = setUp();
    expect(client.credentials.get()).toBeNull();
    client.start();
    await settle();
    const got = client.credentials.get();
    expect(parseCertificates(got?.chainPem ?? "").map((certificate) => certificate.subjectCn)).toEqual([
      name,
      "issuer.test",
    ]);
    expect(got?.keyPem).toBe(keys.key.privateKeyPem);
    expect(got?.anchorsPem).toBe(certificatePem(root.certificate));
    expect(client.status.get()).toEqual({ expiry: clock.wall() + day, refreshes: 1, failures: 0, lastError: null });
    expect(requests).toHaveLength(1);
    expect(requests[0]).toMatchObject({ identity: name, csr: keys.csr });
    client.stop();
    expect(clock.timers).toBe(0);
  });

  test("renews at 70 % of a life, with the token of that moment, again and again", async () => {
    const { client, clock, requests } = setUp({ life: 20 * second });
    client.start();
    await settle();
    for (let renewal = 2; renewal <= 6; renewal++) {
      clock.advance(14 * second - 1);
      await settle();
      expect(requests).toHaveLength(renewal - 1);
      clock.advance(1);
      await settle();
      expect(requests).toHaveLength(renewal);
      expect(Buffer.from(requests.at(-1)?.token ?? []).toString()).toBe(`token-${renewal}`);
    }
    expect(client.status.get().refreshes).toBe(6);
    client.stop();
  });

  test("renews soon after the machine slept through the time", async () => {
    const { client, clock, requests } = setUp({ life: day });
    let asleep = 0;
    const { wall } = clock;
    clock.wall = () => wall.call(clock) + asleep;
    client.start();
    await settle();
    asleep = 20 * hour;
    clock.advance(60 * second);
    await settle();
    expect(requests).toHaveLength(2);
    client.stop();
  });

  test("keeps its credentials while the service is away, tries ever less often, and recovers", async () => {
    const { client, clock, service, requests, lines } = setUp({ life: 1000 * second });
    client.start();
    await settle();
    const first = client.credentials.get();
    service.override = () => Promise.reject(new MeshError("unavailable", "No identity service"));
    const seen: number[] = [];
    clock.advance(700 * second);
    const start = clock.now();
    await settle();
    for (let step = 0; step < 600 && seen.length < 9; step++) {
      const before = requests.length;
      clock.advance(100);
      await settle();
      if (requests.length > before) seen.push(clock.now() - start);
    }
    // 100 ms, doubled each time up to 3 s.
    expect(seen).toEqual([100, 300, 700, 1500, 3100, 6100, 9100, 12_100, 15_100]);
    expect(client.credentials.get()).toBe(first);
    expect(client.status.get()).toMatchObject({ failures: 10, refreshes: 1, lastError: { code: "unavailable" } });
    expect(lines.join("\n")).toContain("No identity service");
    service.override = null;
    clock.advance(3 * second);
    await settle();
    expect(client.status.get()).toMatchObject({ refreshes: 2, lastError: null });
    expect(client.credentials.get()).not.toBe(first);
    client.stop();
    expect(clock.timers).toBe(0);
  });

  test("gives up an attempt that never ends, and ignores its late answer", async () => {
    const { client, clock, service, requests } = setUp();
    let late: (response: CertifyResponse) => void = () => {};
    service.override = () =>
      new Promise((resolve) => {
        late = resolve;
      });
    client.start();
    await settle();
    clock.advance(6 * second);
    expect(client.status.get().lastError?.code).toBe("timeout");
    service.override = null;
    clock.advance(100);
    await settle();
    expect(requests).toHaveLength(2);
    const good = client.credentials.get();
    expect(good).not.toBeNull();
    late({ leaf: Uint8Array.of(1), intermediates: [], validUntil: 0 });
    await settle();
    expect(client.credentials.get()).toBe(good);
    expect(client.status.get()).toMatchObject({ refreshes: 1, failures: 1, lastError: null });
    client.stop();
  });

  const bad: ReadonlyArray<readonly [what: string, spoil: (setup: ReturnType<typeof setUp>) => void, message: string]> =
    [
      ["for another key", ({ service }) => (service.publicKey = createKey().publicKeyDer), "another key than ours"],
      ["for another name", ({ service }) => (service.names = ["evil.test"]), 'certified "evil.test", not'],
      [
        "of an unknown authority",
        ({ service, clock }) => {
          const other = createRoot("root.test", validFor(clock.wall(), day));
          service.issuer = createIssuer(other, "issuer.test", validFor(clock.wall(), day));
        },
        "unknown authority",
      ],
      [
        "that is not a certificate",
        ({ service }) => {
          service.override = () => Promise.resolve({ leaf: Uint8Array.of(1, 2), intermediates: [], validUntil: null });
        },
        "Reading DER",
      ],
    ];
  for (const [what, spoil, message] of bad) {
    test(`takes no certificate ${what}`, async () => {
      const setup = setUp();
      spoil(setup);
      setup.client.start();
      await settle();
      expect(setup.client.credentials.get()).toBeNull();
      expect(setup.client.status.get().lastError?.message).toContain(message);
      setup.client.stop();
    });
  }

  test("publishes new trust anchors at once, with the certificate that it has", async () => {
    const { client, root, roots, clock } = setUp();
    client.start();
    await settle();
    const before = client.credentials.get();
    const next = createRoot("root.test", validFor(clock.wall(), day));
    const more = certificatePem(root.certificate) + certificatePem(next.certificate);
    client.offerAnchors({ bundlePem: more, issuerSha256: "" });
    await settle();
    expect(client.credentials.get()).toEqual({ ...(before as NonNullable<typeof before>), anchorsPem: more });
    expect([client.status.get().refreshes, roots.counts.get().adopted]).toEqual([1, 1]);
    client.stop();
  });

  test("asks at once for a certificate that new anchors wait for, and adopts them with it", async () => {
    const { client, roots, service, clock, requests, root } = setUp();
    client.start();
    await settle();
    const next = createRoot("root.test", validFor(clock.wall(), 365 * day));
    service.issuer = createIssuer(next, "issuer.test", validFor(clock.wall(), 300 * day));
    client.offerAnchors({ bundlePem: certificatePem(next.certificate), issuerSha256: "" });
    await settle();
    expect(client.credentials.get()?.anchorsPem).toBe(certificatePem(root.certificate));
    clock.advance(0);
    await settle();
    expect(requests).toHaveLength(2);
    expect(parseCertificates(client.credentials.get()?.chainPem ?? "")[1]).toEqual(service.issuer.certificate);
    // The old anchor is trusted for a moment longer.
    expect(client.credentials.get()?.anchorsPem).toBe(
      certificatePem(next.certificate) + certificatePem(root.certificate),
    );
    clock.advance(60_000);
    expect(client.credentials.get()?.anchorsPem).toBe(certificatePem(next.certificate));
    expect(roots.counts.get()).toEqual({ adopted: 1, refused: 0, deferred: 1 });
    roots.stop();
    client.stop();
    expect(clock.timers).toBe(0);
  });

  test("keeps its anchors as long as the service certifies nothing that holds against new ones, asking ever less often", async () => {
    const { client, clock, requests, root, service } = setUp();
    client.start();
    await settle();
    const next = createRoot("root.test", validFor(clock.wall(), 365 * day));
    client.offerAnchors({ bundlePem: certificatePem(next.certificate), issuerSha256: "" });
    await settle();
    const times: number[] = [];
    for (let step = 0; step < 6000; step++) {
      const before = requests.length;
      clock.advance(100);
      await Promise.resolve();
      if (requests.length > before || step % 50 === 0) await settle();
      if (requests.length > before) times.push(clock.now());
    }
    expect(times[0]).toBe(100);
    expect(times.length).toBeLessThan(12);
    expect(client.credentials.get()?.anchorsPem).toBe(certificatePem(root.certificate));
    service.issuer = createIssuer(next, "issuer.test", validFor(clock.wall(), 300 * day));
    for (let minute = 0; minute < 20; minute++) {
      clock.advance(60_000);
      await settle();
    }
    expect(client.credentials.get()?.anchorsPem).toBe(certificatePem(next.certificate));
    client.stop();
  });

  test("renews soon, but not at once, when the service has another issuer now", async () => {
    const { client, clock, service, requests, root, roots } = setUp({ next: 0.5 });
    client.start();
    await settle();
    const bundlePem = certificatePem(root.certificate);
    const say = async (issuer: Authority): Promise<void> => {
      const [anchor] = trustBundle([issuer.certificate]).anchors;
      client.offerAnchors({ bundlePem, issuerSha256: anchor?.fingerprint ?? "" });
      await settle();
    };
    await say(service.issuer);
    clock.advance(60_000);
    await settle();
    expect(requests).toHaveLength(1);
    service.issuer = createIssuer(root, "issuer.test", validFor(clock.wall(), 300 * day));
    await say(service.issuer);
    clock.advance(17_499);
    await settle();
    expect(requests).toHaveLength(1);
    clock.advance(1);
    await settle();
    expect(requests).toHaveLength(2);
    clock.advance(hour);
    await settle();
    expect(requests).toHaveLength(2);
    expect(roots.counts.get()).toEqual({ adopted: 0, refused: 0, deferred: 0 });
    client.stop();
  });

  test("asks ever less often while another replica still certifies by the old issuer", async () => {
    const { client, clock, requests, root } = setUp();
    client.start();
    await settle();
    client.offerAnchors({ bundlePem: certificatePem(root.certificate), issuerSha256: "ab".repeat(32) });
    await settle();
    for (let second = 0; second < 3600; second++) {
      clock.advance(1000);
      if (second % 5 === 0) await settle();
    }
    expect(requests.length).toBeGreaterThan(5);
    expect(requests.length).toBeLessThan(16);
    client.stop();
  });

  test("never tells the token or the key to the log", async () => {
    const { client, lines, service, keys } = setUp();
    service.override = () => Promise.reject(new MeshError("unavailable", "No identity service"));
    client.start();
    await settle();
    client.stop();
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.join("\n")).not.toContain("token-1");
    expect(lines.join("\n")).not.toContain(keys.key.privateKeyPem.split("\n")[1] ?? "?");
  });
});

test("the token file is read anew, and a missing or empty one is named", () => {
  const dir = folder();
  const path = join(dir, "token");
  expect(() => readTokenFile(path)).toThrow(`Reading the token file "${path}" failed`);
  writeFileSync(path, "");
  expect(() => readTokenFile(path)).toThrow(`The token file "${path}" is empty`);
  writeFileSync(path, "abc");
  expect(Buffer.from(readTokenFile(path)).toString()).toBe("abc");
});
