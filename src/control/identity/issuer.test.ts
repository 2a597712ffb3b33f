import { expect, test } from "bun:test";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { memoryLog } from "#lib/log.ts";
import { certificatePem, parseCertificates } from "#lib/x509/certificate.ts";
import { createIssuer, createLeaf, createRoot, validFor, type Authority } from "#lib/x509/sign.ts";
import { watchIssuer, type IssuerEvent, type IssuerScheme } from "./issuer.ts";

const day = 24 * 3600 * 1000;

function world(scheme: IssuerScheme = "linkerd.io/tls") {
  const clock = new FakeClock();
  const root = createRoot("root", validFor(clock.wall(), 365 * day));
  const files = new Map<string, string>([["anchors", certificatePem(root.certificate)]]);
  const put = (authority: Authority): void => {
    files.set(scheme === "linkerd.io/tls" ? "dir/crt.pem" : "dir/tls.crt", certificatePem(authority.certificate));
    files.set(scheme === "linkerd.io/tls" ? "dir/key.pem" : "dir/tls.key", authority.key.privateKeyPem);
  };
  const events: IssuerEvent[] = [];
  const issuer = (name: string) => createIssuer(root, name, validFor(clock.wall(), 30 * day));
  const watch = () =>
    watchIssuer(
      { scheme, issuerDirectory: "dir", anchorsFile: "anchors" },
      {
        clock,
        log: memoryLog().log,
        onEvent: (event) => events.push(event),
        read: (directory, names) => {
          const texts: Record<string, string> = {};
          for (const name of names) {
            const path = directory === "." ? name : `${directory}/${name}`;
            const text = files.get(path);
            if (text === undefined) throw new Error(`Failed to read "${path}"`);
            texts[name] = text;
          }
          return texts;
        },
      },
    );
  return { clock, root, files, put, events, issuer, watch };
}

for (const scheme of ["linkerd.io/tls", "kubernetes.io/tls"] as const) {
  test(`a new issuer takes over without a restart in the scheme ${scheme}`, () => {
    const { put, issuer, watch, clock, events } = world(scheme);
    put(issuer("first"));
    const current = watch();
    expect(current.get().authority.certificate.subjectCn).toBe("first");
    put(issuer("second"));
    clock.advance(5000);
    expect(current.get().authority.certificate.subjectCn).toBe("second");
    expect(current.get().chain.map(({ subjectCn }) => subjectCn)).toEqual(["second"]);
    expect(events.map(({ reason }) => reason)).toEqual(["IssuerUpdated"]);
  });
}

test("an issuer that is the anchor itself is not sent with leaves", () => {
  const { put, root, watch } = world();
  put(root);
  expect(watch().get().chain).toEqual([]);
});

test("an issuer that does not hold is not used, and is told once", () => {
  const { put, issuer, watch, clock, events, root } = world();
  put(issuer("first"));
  const current = watch();
  const foreign = createIssuer(createRoot("foreign", validFor(clock.wall(), day)), "evil", validFor(clock.wall(), day));
  const cases: Authority[] = [
    foreign,
    createLeaf(root, ["leaf.example"], validFor(clock.wall(), day)),
    { certificate: issuer("third").certificate, key: issuer("fourth").key },
    createIssuer(root, "old", validFor(clock.wall() - 2 * day, day)),
  ];
  for (const authority of cases) {
    put(authority);
    clock.advance(15_000);
    expect(current.get().authority.certificate.subjectCn).toBe("first");
  }
  expect(events.map(({ reason }) => reason)).toEqual(cases.map(() => "IssuerValidationFailed"));
});

test("a file that can't be read is told once, and the last issuer stays", () => {
  const { put, issuer, watch, clock, events, files } = world();
  put(issuer("first"));
  const current = watch();
  files.delete("dir/key.pem");
  clock.advance(20_000);
  expect(current.get().authority.certificate.subjectCn).toBe("first");
  expect(events.map(({ reason }) => reason)).toEqual(["IssuerUpdateSkipped"]);
});

test("without a usable issuer there is no start", () => {
  const { watch, put, root, clock } = world();
  expect(watch).toThrow('Failed to read "dir/crt.pem"');
  put(createIssuer(root, "old", validFor(clock.wall() - 2 * day, day)));
  expect(watch).toThrow("The issuer does not hold against the trust anchors");
});

test("new anchors are told whom, and an issuer below a new one is taken when they hold it, whichever comes first", () => {
  const { put, issuer, watch, clock, events, files, root } = world();
  put(issuer("first"));
  const current = watch();
  const other = createRoot("other", validFor(clock.wall(), 365 * day));
  const below = createIssuer(other, "second", validFor(clock.wall(), 30 * day));
  const pem = { old: certificatePem(root.certificate), both: "", next: certificatePem(other.certificate) };
  pem.both = `# two of them\n${pem.old}${pem.next}`;
  const step = (anchors: string, authority?: Authority) => {
    files.set("anchors", anchors);
    if (authority !== undefined) put(authority);
    clock.advance(5000);
    const names = parseCertificates(current.get().anchorsPem).map(({ subjectCn }) => subjectCn);
    return [current.get().authority.certificate.subjectCn, ...names.toSorted()];
  };
  // The issuer is there before its root: nothing changes.
  expect(step(pem.old, below)).toEqual(["first", "root"]);
  expect(step(pem.both)).toEqual(["second", "other", "root"]);
  // The issuer's root is lost by mistake: proxies must not hear of it.
  expect(step(pem.old)).toEqual(["second", "other", "root"]);
  expect(step(pem.next)).toEqual(["second", "other"]);
  const failed =
    'IssuerValidationFailed: Keeping the last identity issuer and trust anchors because the new ones are not valid: The issuer does not hold against the trust anchors: Certificate of "second" is signed by the unknown authority "other"';
  expect(events.map(({ reason, message }) => `${reason}: ${message.split(" (serial")[0]}`)).toEqual([
    failed,
    'TrustAnchorsUpdated: Updated the trust anchors: added "other"',
    `IssuerUpdated: Updated the identity issuer, valid until ${new Date(below.certificate.notAfter).toISOString()}`,
    failed,
    'TrustAnchorsUpdated: Updated the trust anchors: removed "root"',
  ]);
});

test("the same anchors in another order or with comments are no change", () => {
  const { put, issuer, watch, clock, events, files, root } = world();
  put(issuer("first"));
  const other = certificatePem(createRoot("other", validFor(clock.wall(), 365 * day)).certificate);
  const own = certificatePem(root.certificate);
  files.set("anchors", own + other);
  const current = watch();
  const before = current.get().anchorsPem;
  files.set("anchors", `${other}# and\n\n${own}`);
  clock.advance(5000);
  expect(current.get().anchorsPem).toBe(before);
  expect(events).toEqual([]);
});
