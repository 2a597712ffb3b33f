/**
 * The changes every mesh goes through, each under load and with a stream that lives through all of them: an upgrade from
 * the release before, a new issuer, new trust anchors. No request fails and no pod of an application restarts.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { certificatePem } from "#lib/x509/certificate.ts";
import { createIssuer, createRoot, validFor, type Authority } from "#lib/x509/sign.ts";
import { resources } from "#kube/resource.ts";
import type { Pod } from "#kube/types/core.ts";
import { waitForDeployments } from "../../scripts/mesh.ts";
import { eventually, hasKubectl, ok, startCluster, toolboxImage, type TestCluster } from "../harness/cluster.ts";
import { previousRelease, type Release } from "../harness/release.ts";
import { expectNoneFailed, startVotes, votes, votesFromNowOn } from "../harness/vote-load.ts";

const rate = 100;
/** Certificates are renewed after 70 % of it, so that a change shows within seconds. */
const certificateLifetime = "20s";
/** An anchor that was removed is trusted this much longer, s. */
const anchorGrace = 60;

describe.skipIf(!hasKubectl || Bun.which("busybox") === null)(`under ${rate} votes a second and a stream`, () => {
  let cluster: TestCluster;
  let folder = "";
  let release: Release | null = null;
  let streamPods: string[] = [];
  let firstIssuer: Authority;
  let roots: Authority[] = [];

  beforeAll(async () => {
    cluster = await startCluster("changes");
    folder = mkdtempSync(join(tmpdir(), "linkerd-changes-"));
    release = await previousRelease(folder, { images: cluster.importImage !== null });
    for (const archive of release?.archives ?? []) await cluster.importImage?.(archive);
    const valid = validFor(Date.now(), 24 * 3600_000, 60_000);
    roots = [createRoot("root.linkerd.cluster.local", valid), createRoot("second-root.linkerd.cluster.local", valid)];
    firstIssuer = createIssuer(roots[0]!, "identity.linkerd.cluster.local", valid);
    write("anchors.crt", roots[0]!);
    writeIssuer(firstIssuer);

    const linkerd = release?.linkerd ?? "linkerd";
    await type(`${linkerd} install --crds | kubectl apply -f -`);
    const registry = cluster.kind === "kubernetes" && release !== null ? `--registry ${release.registry}` : "";
    const trust = `--identity-trust-anchors-file ${folder}/anchors.crt ${issuerFlags()}`;
    await type(
      `${linkerd} install ${registry} ${trust} --identity-issuance-lifetime ${certificateLifetime} --identity-clock-skew-allowance 1s | kubectl apply -f -`,
    );
    await waitForDeployments(cluster.client, "linkerd", 60_000);
    await startVotes(cluster, { rate, replicas: 2 });
    streamPods = await startStream();
  }, 240_000);
  afterAll(async () => {
    release?.remove();
    await cluster?.stop();
  });

  const type = (script: string): Promise<string> => ok(cluster.shell(script));

  function write(name: string, ...authorities: Authority[]): void {
    writeFileSync(join(folder, name), authorities.map(({ certificate }) => certificatePem(certificate)).join(""));
  }
  function writeIssuer(issuer: Authority): void {
    write("issuer.crt", issuer);
    writeFileSync(join(folder, "issuer.key"), issuer.key.privateKeyPem);
  }
  function issuerFlags(): string {
    return `--identity-issuer-certificate-file ${folder}/issuer.crt --identity-issuer-key-file ${folder}/issuer.key`;
  }

  /** A meshed server that echoes lines and a meshed client that sends one a second over one connection, for ever. */
  async function startStream(): Promise<string[]> {
    const pod = (name: string, command: string): object => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace: "emojivoto", labels: { app: name } },
      spec: {
        containers: [{ name: "main", image: toolboxImage, command: ["sh", "-c", command] }],
        terminationGracePeriodSeconds: 1,
      },
    });
    const items = [
      pod("stream-server", "busybox nc -ll -p 9000 -e cat"),
      {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name: "stream", namespace: "emojivoto" },
        spec: { selector: { app: "stream-server" }, ports: [{ name: "lines", port: 9000 }] },
      },
    ];
    await ok(cluster.kubectl(["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items })));
    await type("kubectl wait -n emojivoto pod/stream-server --for=condition=Ready --timeout=30s");
    // What comes back is the container's log; when the connection ends, so does the container.
    const client = pod("stream-client", "(while sleep 1; do date +%s; done) | busybox nc stream.emojivoto 9000");
    await ok(cluster.kubectl(["apply", "-f", "-"], JSON.stringify(client)));
    await type("kubectl wait -n emojivoto pod/stream-client --for=condition=Ready --timeout=30s");
    return Object.keys(await podRestarts());
  }

  /** Restarts of all containers of the application's pods, by the pods' uid. */
  async function podRestarts(): Promise<Record<string, number>> {
    const { items } = await cluster.client.list<Pod>(resources.pods, { namespace: "emojivoto" });
    const counts: Record<string, number> = {};
    for (const { metadata, status } of items) {
      for (const { name, restartCount } of [
        ...(status?.initContainerStatuses ?? []),
        ...(status?.containerStatuses ?? []),
      ]) {
        counts[`${metadata.name} ${metadata.uid} ${name}`] = restartCount ?? 0;
      }
    }
    return counts;
  }

  /** All failures and breaks so far: none. */
  async function expectNothingLost(what: string): Promise<void> {
    const counted = await votes(cluster);
    const asked = Date.now();
    const lines = (await type("kubectl logs -n emojivoto stream-client -c main")).trim().split("\n").map(Number);
    const gaps = lines.slice(1).map((second, i) => second - lines[i]!);
    console.log(
      `${what}: ${counted.sent} votes so far, ${counted.failures.length} failed; stream of ${lines.length} lines, longest gap ${Math.max(...gaps)} s`,
    );
    await expectNoneFailed(cluster, counted);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(3);
    expect(lines.at(-1)).toBeGreaterThan(asked / 1000 - 5);
  }

  test("an upgrade of the control plane from the release before", async () => {
    if (release === null) console.log("no history here: this release is upgraded to itself");
    const start = performance.now();
    const registry = cluster.kind === "kubernetes" ? "--registry cr.l5d.io/linkerd" : "";
    await type("linkerd upgrade --crds | kubectl apply -f -");
    await type(`linkerd upgrade ${registry} | kubectl apply -f -`);
    await waitForDeployments(cluster.client, "linkerd", 90_000);
    console.log(`upgraded from ${release?.commit ?? "itself"} in ${((performance.now() - start) / 1000).toFixed(1)} s`);
    expect(await type("linkerd check")).toEndWith("Status check results are √\n");
    await expectNothingLost("after the control plane's upgrade");
  });

  test("a new issuer signs every proxy's next certificate", async () => {
    const before = await podRestarts();
    const issuer = createIssuer(
      roots[0]!,
      "second-issuer.linkerd.cluster.local",
      validFor(Date.now(), 24 * 3600_000, 60_000),
    );
    writeIssuer(issuer);
    const start = performance.now();
    await type(`linkerd upgrade ${issuerFlags()} | kubectl apply -f -`);
    await eventually("certificates of the new issuer everywhere", 150_000, async () =>
      (await issuers()).every((name) => name === "second-issuer.linkerd.cluster.local") ? true : null,
    );
    console.log(
      `all proxies had certificates of the new issuer after ${((performance.now() - start) / 1000).toFixed(1)} s`,
    );
    await expectNothingLost("after the new issuer");
    expect(await podRestarts()).toEqual(before);
  });

  test("new trust anchors reach running proxies", async () => {
    const before = await podRestarts();
    const start = performance.now();
    const since = (): string => `${((performance.now() - start) / 1000).toFixed(1)} s`;
    // One step at a time, as for any mesh: both roots, an issuer of the new one, the new root alone.
    write("anchors.crt", roots[0]!, roots[1]!);
    await type(`linkerd upgrade --identity-trust-anchors-file ${folder}/anchors.crt | kubectl apply -f -`);
    await eventually("both anchors everywhere", 150_000, async () =>
      (await anchorCounts()).every((n) => n === 2) ? true : null,
    );
    console.log(`both anchors everywhere after ${since()}`);
    const issuer = createIssuer(
      roots[1]!,
      "third-issuer.linkerd.cluster.local",
      validFor(Date.now(), 24 * 3600_000, 60_000),
    );
    writeIssuer(issuer);
    await type(`linkerd upgrade ${issuerFlags()} | kubectl apply -f -`);
    await eventually("certificates below the new root everywhere", 150_000, async () =>
      (await issuers()).every((name) => name === "third-issuer.linkerd.cluster.local") ? true : null,
    );
    console.log(`certificates below the new root everywhere after ${since()}`);
    write("anchors.crt", roots[1]!);
    await type(`linkerd upgrade --identity-trust-anchors-file ${folder}/anchors.crt | kubectl apply -f -`);
    await expectNothingLost("after the new trust anchors");
    expect(await podRestarts()).toEqual(before);
  }, 300_000);

  test("new proxies by a rollout restart", async () => {
    await type("kubectl rollout restart -n emojivoto deploy/web deploy/emoji deploy/voting");
    for (const name of ["web", "emoji", "voting"]) {
      await type(`kubectl rollout status -n emojivoto deploy/${name} --timeout=90s`);
    }
    await expectNothingLost("after the data plane's upgrade");
    await eventually("the old pods' end", 60_000, async () => {
      const { items } = await cluster.client.list<Pod>(resources.pods, { namespace: "emojivoto" });
      return items.length === 9 ? true : null;
    });
    // The stream's own pods and the visitor were not restarted and have the older proxy still.
    const now = Object.keys(await podRestarts());
    for (const pod of streamPods.filter((name) => /^(stream|vote-bot)/.test(name))) expect(now).toContain(pod);
  });

  test("the old root is trusted by nobody in the end", async () => {
    const before = await podRestarts();
    const start = performance.now();
    // Proxies trust an anchor that is gone for a minute longer; the restarts took a part of it.
    await eventually("the old root's end", (anchorGrace + 120) * 1000, async () =>
      (await anchorCounts()).every((n) => n === 1) ? true : null,
    );
    console.log(`the old root was gone ${((performance.now() - start) / 1000).toFixed(1)} s after the restarts`);
    await expectNothingLost("after the old root's end");
    expect(await podRestarts()).toEqual(before);
    expect(await type("linkerd check")).toEndWith("Status check results are √\n");
    const counted = await votesFromNowOn(cluster);
    console.log(`${counted.sent} votes in all, ${counted.failures.length} failed`);
    await expectNoneFailed(cluster, counted);
  }, 300_000);

  /** One pod per program and both ends of the stream. */
  const proxies = ["deploy/web", "deploy/voting", "deploy/emoji", "deploy/vote-bot", "stream-client", "stream-server"];

  /** The issuer of each of these proxies' certificate. */
  async function issuers(): Promise<string[]> {
    const outputs = await Promise.all(proxies.map((pod) => ok(cluster.linkerd(["identity", "-n", "emojivoto", pod]))));
    return outputs.map((out) => /Issuer: *CN ?= ?(\S+)/.exec(out)?.[1] ?? "none");
  }

  /** How many anchors each of these proxies trusts. */
  async function anchorCounts(): Promise<number[]> {
    const anchor = /^control_identity_trust_anchor_expiration_timestamp_seconds\{/gm;
    const outputs = await Promise.all(
      proxies.map((pod) => ok(cluster.linkerd(["diagnostics", "proxy-metrics", "-n", "emojivoto", pod]))),
    );
    return outputs.map((out) => [...out.matchAll(anchor)].length / (out.match(/^# POD/gm)?.length ?? 1));
  }
});
