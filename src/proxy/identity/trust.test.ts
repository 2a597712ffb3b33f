import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memoryLog } from "#lib/log.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { certificatePem } from "#lib/x509/certificate.ts";
import { createIssuer, createLeaf, createRoot, validFor, type Authority } from "#lib/x509/sign.ts";
import { openAnchorStore } from "./anchor-store.ts";
import { parseTrustBundle, sameBundle } from "./trust-bundle.ts";
import { removalGrace, TrustRoots, type Chain } from "./trust-roots.ts";

const day = 86_400_000;
const clock = new FakeClock();
const now = clock.wall();
/** Roots of the same name, as tools make them by default: only their keys tell them apart. */
const root = (life = 365 * day, start = now): Authority => createRoot("root.test", validFor(start, life));
const pem = (...authorities: Authority[]): string =>
  authorities.map(({ certificate }) => certificatePem(certificate)).join("");
function chainUnder(authority: Authority): Chain {
  const issuer = createIssuer(authority, "issuer.test", validFor(now, 300 * day));
  const leaf = createLeaf(issuer, ["web.test"], validFor(now, day));
  return { leaf: leaf.certificate, intermediates: [issuer.certificate] };
}

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});
function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "trust-"));
  folders.push(made);
  return made;
}

const a = root();
const b = root();
const underA = chainUnder(a);
const underB = chainUnder(b);

describe("A trust bundle", () => {
  test("is its authorities, whatever stands around them and however often", () => {
    const bundle = parseTrustBundle(`# the mesh\n${pem(a)}\n\n${pem(b, a)}# end`, now);
    expect(bundle.pem).toBe(pem(a, b));
    expect(sameBundle(bundle, parseTrustBundle(pem(b, a), now))).toBe(true);
    expect(sameBundle(bundle, parseTrustBundle(pem(b), now))).toBe(false);
    expect(sameBundle(parseTrustBundle(pem(b), now), bundle)).toBe(false);
  });

  test("loses the anchors that have expired", () => {
    const old = root(day, now - 2 * day);
    expect(parseTrustBundle(pem(old, a), now).pem).toBe(pem(a));
  });

  const bad: ReadonlyArray<readonly [what: string, text: string, message: string]> = [
    ["nothing", "", "no PEM certificate"],
    ["no certificate", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no PEM certificate"],
    ["half a certificate", pem(a).slice(0, -40), "has no end"],
    ["rubbish in a certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "DER"],
    ["a leaf", pem(a) + certificatePem(underA.leaf), 'no authority: "web.test"'],
    ["expired anchors alone", pem(root(day, now - 2 * day)), "no anchor that is valid now"],
    ["anchors of the future alone", pem(root(day, now + day)), "no anchor that is valid now"],
    ["too many certificates", pem(a).repeat(101), "over 100 certificates"],
    ["too much of anything", "x".repeat(262_145), "over 262144 characters"],
  ];
  test.each(bad)("with %s is refused", (_what, text, message) => {
    expect(() => parseTrustBundle(text, now)).toThrow(message);
  });
});

describe("The trust roots", () => {
  function setUp(configured = pem(a)) {
    const { log, lines } = memoryLog();
    const roots = new TrustRoots({ configuredPem: configured, store: null, clock, log });
    const seen: string[] = [];
    roots.current.watch((bundle) => seen.push(bundle.pem));
    return { roots, lines, seen };
  }

  test("are those of the settings until others come, and say what changed", async () => {
    const { roots, seen, lines } = setUp();
    expect(roots.current.get().pem).toBe(pem(a));
    expect(await roots.offer(pem(a), underA)).toBe(true);
    expect([seen.length, lines.length]).toEqual([0, 0]);
    expect(await roots.offer(pem(a, b), underA)).toBe(true);
    expect(seen).toEqual([pem(a, b)]);
    expect(lines.join()).toMatch(/Trust anchors changed added=[0-9a-f]{16} removed="" anchors=2/);
    await roots.verify(underA);
    await roots.verify(underB);
  });

  test("let go of an anchor one minute after it is gone", async () => {
    const { roots, seen } = setUp(pem(a, b));
    expect(await roots.offer(pem(b), underB)).toBe(true);
    expect(seen).toEqual([pem(b, a)]);
    clock.advance(removalGrace);
    expect(seen).toEqual([pem(b, a), pem(b)]);
    await expect(roots.verify(underA)).rejects.toThrow("unknown authority");
  });

  test("take an anchor back that comes again in that minute", async () => {
    const { roots } = setUp(pem(a, b));
    await roots.offer(pem(b), underB);
    await roots.offer(pem(b, a), underB);
    clock.advance(removalGrace);
    expect(roots.current.get().pem).toBe(pem(b, a));
  });

  test("wait with a bundle that our certificate does not hold against until one does", async () => {
    const { roots, seen } = setUp();
    expect(await roots.offer(pem(b), underA)).toBe(false);
    expect([seen.length, roots.pending]).toEqual([0, true]);
    roots.certified({ ...chainUnder(a), against: null });
    expect([seen.length, roots.pending]).toEqual([0, true]);
    roots.certified(await roots.verify(underB));
    expect([seen, roots.pending]).toEqual([[pem(b, a)], false]);
  });

  test("forget what waited when the service takes it back", async () => {
    const { roots, seen } = setUp();
    await roots.offer(pem(b), underA);
    await roots.offer(pem(a), underA);
    expect(roots.pending).toBe(false);
    await expect(roots.verify(underB)).rejects.toThrow("unknown authority");
    roots.certified({ ...underB, against: null });
    expect(seen).toEqual([]);
  });

  test("take the last of several bundles that come at once", async () => {
    const c = root();
    const { roots, seen } = setUp();
    expect(await Promise.all([roots.offer(pem(a, b), underA), roots.offer(pem(a, c), underA)])).toEqual([true, true]);
    expect(seen).toEqual([pem(a, c)]);
  });

  test("stay as they are when rubbish comes, and tell", async () => {
    const { roots, seen, lines } = setUp();
    expect(await roots.offer("rubbish", underA)).toBe(true);
    expect([seen.length, roots.counts.get().refused]).toEqual([0, 1]);
    expect(lines.join()).toContain("WARN linkerd: A trust bundle can't be used, the old one stays");
  });

  test("name the settings when these can't be read", async () => {
    expect(() => setUp("rubbish")).toThrow("The trust anchors of the settings can't be read");
  });
});

describe("The anchor store", () => {
  const open = (dir: string, configured = pem(a)) => {
    const { log, lines } = memoryLog();
    return { store: openAnchorStore(dir, configured, log), lines, log };
  };

  test("gives a restarted container the newest anchors", async () => {
    const dir = folder();
    const first = open(dir);
    await new TrustRoots({ configuredPem: pem(a), ...first, clock }).offer(pem(a, b), underA);
    expect(readdirSync(dir)).toEqual(["trust-anchors.pem"]);
    expect(statSync(join(dir, "trust-anchors.pem")).mode & 0o777).toBe(0o600);
    const second = open(dir);
    const roots = new TrustRoots({ configuredPem: pem(a), ...second, clock });
    expect(roots.current.get().pem).toBe(pem(a, b));
    expect(second.lines.join()).toContain("learned before the restart");
  });

  test("keeps the bundle alone, not what is on its way out", async () => {
    const dir = folder();
    await new TrustRoots({ configuredPem: pem(a, b), ...open(dir, pem(a, b)), clock }).offer(pem(b), underB);
    expect(open(dir, pem(a, b)).store.read(now)?.pem).toBe(pem(b));
  });

  test("is left aside when the settings have changed since, when it is broken and when it has expired", async () => {
    const dir = folder();
    open(dir).store.write(parseTrustBundle(pem(b), now));
    expect(open(dir, pem(b)).store.read(now)).toBeNull();
    expect(open(dir).store.read(now + 400 * day)).toBeNull();
    const path = join(dir, "trust-anchors.pem");
    writeFileSync(path, readFileSync(path, "latin1").slice(0, -100));
    const { store, lines } = open(dir);
    expect(store.read(now)).toBeNull();
    expect(lines.join()).toContain("can't be used");
    expect(open(folder()).store.read(now)).toBeNull();
  });

  test("does without a directory that it can't write", async () => {
    const { store, lines } = open(join(folder(), "missing"));
    store.write(parseTrustBundle(pem(b), now));
    expect(lines.join()).toContain("can't be kept");
  });
});
