import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MeshError } from "#lib/errors.ts";
import { memoryLog } from "#lib/log.ts";
import { listen } from "#lib/net/listen.ts";
import { seededRandom } from "#lib/random.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { until, Watchable } from "#lib/watchable.ts";
import { parseCertificates, verifyChain } from "#lib/x509/certificate.ts";
import { parseCsr } from "#lib/x509/csr.ts";
import { type Authority, createIssuer, createRoot, signCertificate, validFor } from "#lib/x509/sign.ts";
import { Identity } from "#rpc/gen/identity_pb.ts";
import { TrustAnchors } from "#rpc/gen/trust_anchors_pb.ts";
import { createRpcServer } from "#rpc/server.ts";
import { implement } from "#rpc/service.ts";
import { identityCertificate } from "./identity-certificate.ts";

const ends: Array<() => unknown> = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

const hour = 3_600_000;

test("a webhook's certificate is asked for with the token, tried again after failures, and renewed at 70 % of its life", async () => {
  const clock = new FakeClock();
  const root = createRoot("root", validFor(clock.wall(), 100 * hour));
  const issuers = ["first", "second"].map((name) => createIssuer(root, name, validFor(clock.wall(), 100 * hour)));
  const current = new Watchable(issuers[0] as Authority);
  const anchors = implement(TrustAnchors, {
    watch(_request, _context, writer) {
      const send = ({ certificate }: Authority): void => {
        const issuerSha256 = new Bun.CryptoHasher("sha256").update(certificate.der).digest("hex");
        writer.send({ bundlePem: "x", issuerSha256 });
      };
      current.watch(send);
      send(current.get());
    },
  });
  const asked: string[] = [];
  const service = implement(Identity, {
    certify({ identity, token, certificateSigningRequest }) {
      asked.push(`${identity} ${new TextDecoder().decode(token)}`);
      if (asked.length === 1) throw new MeshError("unavailable", "Not yet");
      const { publicKeyDer, dnsNames } = parseCsr(certificateSigningRequest);
      const validity = validFor(clock.wall(), 10 * hour);
      const issuer = current.get();
      const leaf = signCertificate({ issuer, subject: identity, dnsNames, publicKeyDer, ...validity });
      return { leafCertificate: leaf.der, intermediateCertificates: [issuer.certificate.der] };
    },
  });
  const { log } = memoryLog();
  const server = createRpcServer({ services: [service, anchors], log, clock });
  const listener = listen({ ip: "127.0.0.1", port: 0 }, server.accept);
  const directory = mkdtempSync(join(tmpdir(), "serving-"));
  const stop = new AbortController();
  ends.push(
    () => rmSync(directory, { recursive: true }),
    () => listener.close(),
    () => server.close(),
    () => stop.abort(),
  );
  writeFileSync(join(directory, "token"), "T1");
  const source = {
    kind: "identity",
    host: "127.0.0.1",
    port: listener.addr.port,
    name: "linkerd-sp-validator.linkerd.svc",
    tokenFile: join(directory, "token"),
  } as const;
  const deps = { clock, random: seededRandom(1), log, signal: stop.signal };
  const pair = identityCertificate(source, deps);
  expect(pair.get()).toBeNull();
  // Refused once; the second attempt comes within a second and a half.
  while (clock.timers === 0 || asked.length === 0) await Bun.sleep(1);
  while (pair.get() === null) {
    clock.advance(100);
    await Bun.sleep(1);
  }
  const first = await until(pair, (value) => value !== null);
  const [leaf, ...chain] = parseCertificates(first?.certPem ?? "");
  expect(leaf?.dnsNames).toEqual(["linkerd-sp-validator.linkerd.svc"]);
  if (leaf !== undefined) verifyChain(leaf, chain, [root.certificate], clock.wall());
  writeFileSync(join(directory, "token"), "T2");
  clock.advance(6.9 * hour);
  const renewed = until(pair, (value) => value !== first);
  clock.advance(0.2 * hour);
  expect((await renewed)?.keyPem).not.toBe(first?.keyPem ?? "");
  // A new issuer: nobody waits for the old one's certificates to grow old.
  const second = pair.get();
  current.set(issuers[1] as Authority);
  while (pair.get() === second) {
    clock.advance(100);
    await Bun.sleep(1);
  }
  expect(parseCertificates(pair.get()?.certPem ?? "")[1]?.subjectCn).toBe("second");
  expect(asked).toEqual(["T1", "T1", "T2", "T2"].map((token) => `linkerd-sp-validator.linkerd.svc ${token}`));
});
