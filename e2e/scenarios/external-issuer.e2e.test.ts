/**
 * Certificates that somebody else keeps (`identity.externalCA`, scheme kubernetes.io/tls): the test writes the Secrets, the
 * ConfigMap and the webhooks' `caBundle` in the form in which cert-manager, trust-manager and cainjector do, first when the
 * control plane already waits for them, then as they are renewed. No request fails, nothing restarts.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createPrivateKey, createPublicKey, X509Certificate, type KeyObject } from "node:crypto";
import { connect } from "node:tls";
import { certificatePem } from "#lib/x509/certificate.ts";
import { createIssuer, createLeaf, createRoot, signCertificate, validFor, type Authority } from "#lib/x509/sign.ts";
import { listenForward } from "#kube/port-forward.ts";
import { resources } from "#kube/resource.ts";
import type { Pod } from "#kube/types/core.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import { waitForDeployments } from "../../scripts/mesh.ts";
import { eventually, hasKubectl, ok, startCluster, type TestCluster } from "../harness/cluster.ts";
import { expectNoneFailed, restarts, startVotes, votes, votesFromNowOn } from "../harness/vote-load.ts";

const rate = 50;
const webhooks = [
  { path: "proxyInjector", service: "linkerd-proxy-injector", kind: "mutatingwebhookconfiguration", port: 8443 },
  { path: "profileValidator", service: "linkerd-sp-validator", kind: "validatingwebhookconfiguration", port: 8443 },
  {
    path: "policyValidator",
    service: "linkerd-policy-validator",
    kind: "validatingwebhookconfiguration",
    port: 9443,
  },
] as const;
type Webhook = (typeof webhooks)[number];

interface Event extends KubeObject {
  readonly reason?: string;
}

describe.skipIf(!hasKubectl)("with certificates of somebody else's", () => {
  let cluster: TestCluster;
  let root: Authority;
  let issuer: Authority;

  beforeAll(async () => {
    cluster = await startCluster("external-issuer");
    root = createRoot("root.linkerd.cluster.local", days(90));
    issuer = newIssuer(root);
    await type("linkerd install --crds | kubectl apply -f -");
    const given = webhooks.flatMap(({ path, service }) => [
      `--set ${path}.externalSecret=true`,
      `--set ${path}.injectCaFrom=linkerd/${service}-k8s-tls`,
    ]);
    await type(
      `linkerd install --identity-external-ca --identity-external-issuer ${given.join(" ")} --identity-issuance-lifetime 20s --identity-clock-skew-allowance 1s | kubectl apply -f -`,
    );
  }, 240_000);
  afterAll(async () => {
    await cluster?.stop();
  });

  const type = (script: string): Promise<string> => ok(cluster.shell(script));
  /** cert-manager's certificates begin now, not a little earlier. */
  const days = (count: number) => validFor(Date.now(), count * 24 * 3600_000);
  /** The name is the same each time, the key a new one. */
  const newIssuer = (under: Authority): Authority => createIssuer(under, "identity.linkerd.cluster.local", days(30));
  const pem = (...authorities: Authority[]): string =>
    authorities.map(({ certificate }) => certificatePem(certificate)).join("");

  /** As cert-manager writes one: ECDSA keys in the form of SEC 1, the anchor beside the chain without it. */
  async function writeSecret(name: string, { certificate, key }: Authority, anchor: Authority): Promise<void> {
    await apply({
      apiVersion: "v1",
      kind: "Secret",
      type: "kubernetes.io/tls",
      metadata: { name, namespace: "linkerd", annotations: { "cert-manager.io/certificate-name": name } },
      stringData: {
        "tls.crt": certificatePem(certificate),
        "tls.key": createPrivateKey(key.privateKeyPem).export({ type: "sec1", format: "pem" }).toString(),
        "ca.crt": pem(anchor),
      },
    });
  }
  const writeBundle = (...anchors: Authority[]): Promise<void> =>
    apply({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: {
        name: "linkerd-identity-trust-roots",
        namespace: "linkerd",
        labels: { "trust.cert-manager.io/bundle": "linkerd-identity-trust-roots" },
      },
      data: { "ca-bundle.crt": pem(...anchors) },
    });
  async function apply(object: object): Promise<void> {
    await ok(cluster.kubectl(["apply", "--server-side", "--force-conflicts", "-f", "-"], JSON.stringify(object)));
  }

  /** A new certificate for each webhook, and the bundle where the configuration's annotation says from which Secret. */
  async function writeWebhooks(): Promise<Map<Webhook, Authority>> {
    const written = new Map<Webhook, Authority>();
    for (const webhook of webhooks) {
      const leaf = createLeaf(root, [`${webhook.service}.linkerd.svc`], days(30));
      await writeSecret(`${webhook.service}-k8s-tls`, leaf, root);
      const configuration = `${webhook.kind}/${webhook.service}-webhook-config`;
      const from = await ok(
        cluster.kubectl([
          "get",
          configuration,
          "-o",
          String.raw`jsonpath={.metadata.annotations.cert-manager\.io/inject-ca-from}`,
        ]),
      );
      expect(from).toBe(`linkerd/${webhook.service}-k8s-tls`);
      const caBundle = Buffer.from(pem(root)).toString("base64");
      const hooks = JSON.parse(await ok(cluster.kubectl(["get", configuration, "-o", "json"]))) as {
        webhooks: readonly unknown[];
      };
      const patch = hooks.webhooks.map((_, i) => ({
        op: "add",
        path: `/webhooks/${i}/clientConfig/caBundle`,
        value: caBundle,
      }));
      await ok(cluster.kubectl(["patch", configuration, "--type=json", "-p", JSON.stringify(patch)]));
      written.set(webhook, leaf);
    }
    return written;
  }

  async function podOf(namespace: string, label: string): Promise<Pod> {
    const { items } = await cluster.client.list<Pod>(resources.pods, { namespace, labelSelector: label });
    return items[0]!;
  }

  /** What the server at a pod's port shows. */
  async function shown(pod: Pod, port: number, servername: string): Promise<X509Certificate> {
    const { name, namespace = "" } = pod.metadata;
    const forward = listenForward(cluster.client, { namespace, pod: name, port });
    try {
      return await new Promise((resolve, reject) => {
        const socket = connect({ host: "127.0.0.1", port: forward.port, servername, rejectUnauthorized: false });
        socket.setTimeout(10_000, () => socket.destroy(new Error("no handshake within 10 s")));
        socket.on("error", reject);
        socket.on("close", () => reject(new Error("closed before the handshake's end")));
        socket.on("secureConnect", () => {
          const { raw } = socket.getPeerCertificate(false);
          resolve(new X509Certificate(raw));
          socket.destroy();
        });
      });
    } finally {
      forward.close();
    }
  }

  /** Waits until the proxies of all programs show certificates that `authority` signed; s. */
  async function signedBy(authority: Authority): Promise<string> {
    const start = performance.now();
    const key: KeyObject = createPublicKey({
      key: Buffer.from(authority.certificate.publicKeyDer),
      format: "der",
      type: "spki",
    });
    await eventually("certificates of the new issuer everywhere", 150_000, async () => {
      for (const app of ["web", "voting", "emoji", "vote-bot"]) {
        const pod = await podOf("emojivoto", `app=${app}`);
        const account = pod.spec.serviceAccountName ?? "default";
        const name = `${account}.emojivoto.serviceaccount.identity.linkerd.cluster.local`;
        if (!(await shown(pod, 4191, name)).verify(key)) return null;
      }
      return true;
    });
    return `${((performance.now() - start) / 1000).toFixed(1)} s`;
  }

  /** The anchors that the proxy of "web" trusts, by SHA-256. */
  async function trusted(): Promise<string[]> {
    const out = await ok(cluster.linkerd(["diagnostics", "proxy-metrics", "-n", "emojivoto", "deploy/web"]));
    const anchors = /^control_identity_trust_anchor_expiration_timestamp_seconds\{[^}]*sha256="(\w+)"/gm;
    return [...out.matchAll(anchors)].map(([, sha256]) => sha256 ?? "");
  }
  const sha256 = ({ certificate }: Authority): string =>
    new Bun.CryptoHasher("sha256").update(certificate.der).digest("hex");

  async function events(reason: string): Promise<number> {
    const { items } = await cluster.client.list<Event>(resources.events, { namespace: "linkerd" });
    return items.filter((event) => event.reason === reason).length;
  }

  async function expectNothingLost(what: string): Promise<void> {
    const counted = await votes(cluster);
    console.log(`${what}; ${counted.sent} votes so far, ${counted.failures.length} failed`);
    await expectNoneFailed(cluster, counted);
    for (const namespace of ["linkerd", "emojivoto"]) {
      expect(Object.values(await restarts(cluster, namespace)).every((count) => count === 0)).toBe(true);
    }
  }

  test("the control plane waits for them and then is ready", async () => {
    await eventually("the control plane's pods", 30_000, async () => {
      const { items } = await cluster.client.list<Pod>(resources.pods, { namespace: "linkerd" });
      return items.length === 3 ? true : null;
    });
    await Bun.sleep(2000);
    const { items } = await cluster.client.list<Pod>(resources.pods, { namespace: "linkerd" });
    expect(items.map(({ status }) => status?.phase)).toEqual(["Pending", "Pending", "Pending"]);
    const start = performance.now();
    await writeSecret("linkerd-identity-issuer", issuer, root);
    await writeBundle(root);
    await writeWebhooks();
    await waitForDeployments(cluster.client, "linkerd", 150_000);
    console.log(`ready ${((performance.now() - start) / 1000).toFixed(1)} s after the certificates`);
    await startVotes(cluster, { rate, replicas: 1 });
    expect(await type("linkerd check --proxy -n emojivoto")).toEndWith("Status check results are √\n");
    await signedBy(issuer);
  }, 300_000);

  test("an issuer that is renewed has the same name and another key", async () => {
    issuer = newIssuer(root);
    await writeSecret("linkerd-identity-issuer", issuer, root);
    await expectNothingLost(`the new issuer was everywhere after ${await signedBy(issuer)}`);
    await eventually("the event of the new issuer", 30_000, async () =>
      (await events("IssuerUpdated")) > 0 ? true : null,
    );
  }, 240_000);

  test("webhooks serve renewed certificates, and pods are injected before, meanwhile and after", async () => {
    const start = performance.now();
    const written = await writeWebhooks();
    for (const [{ service, port }, { certificate }] of written) {
      const component = service === "linkerd-proxy-injector" ? "proxy-injector" : "destination";
      await eventually(`the new certificate of ${service}`, 150_000, async () => {
        await type(
          "kubectl run -n emojivoto probe --image=probe --dry-run=server -o yaml | grep -q 'name: linkerd-proxy'",
        );
        const pod = await podOf("linkerd", `linkerd.io/control-plane-component=${component}`);
        const { raw } = await shown(pod, port, `${service}.linkerd.svc`);
        return Buffer.compare(raw, certificate.der) === 0 ? true : null;
      });
    }
    await type("kubectl run -n emojivoto probe --image=probe --dry-run=server -o yaml | grep -q 'name: linkerd-proxy'");
    await expectNothingLost(`new webhook certificates after ${((performance.now() - start) / 1000).toFixed(1)} s`);
  }, 240_000);

  test("an anchor that is renewed with its key replaces the last one", async () => {
    const { key } = root;
    root = {
      key,
      certificate: signCertificate({
        ...days(180),
        issuer: null,
        selfKey: key,
        subject: "root.linkerd.cluster.local",
        publicKeyDer: key.publicKeyDer,
        ca: { pathLength: null },
      }),
    };
    await writeBundle(root);
    await eventually("the renewed anchor in proxies", 150_000, async () =>
      (await trusted()).includes(sha256(root)) ? true : null,
    );
    issuer = newIssuer(root);
    await writeSecret("linkerd-identity-issuer", issuer, root);
    await expectNothingLost(`an issuer of the renewed anchor was everywhere after ${await signedBy(issuer)}`);
  }, 300_000);

  test("an issuer that comes before its anchor waits for the bundle of both", async () => {
    const last = root;
    root = createRoot("root.linkerd.cluster.local", days(90));
    issuer = newIssuer(root);
    const refused = await events("IssuerValidationFailed");
    await writeSecret("linkerd-identity-issuer", issuer, root);
    await eventually("the refusal of the issuer", 150_000, async () =>
      (await events("IssuerValidationFailed")) > refused ? true : null,
    );
    await writeBundle(last, root);
    await expectNothingLost(`the bundle and its issuer were everywhere after ${await signedBy(issuer)}`);
    expect(await type("linkerd check --proxy -n emojivoto")).toEndWith("Status check results are √\n");
    const counted = await votesFromNowOn(cluster);
    console.log(`${counted.sent} votes in all, ${counted.failures.length} failed`);
    await expectNoneFailed(cluster, counted);
  }, 300_000);
});
