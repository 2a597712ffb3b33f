/** Which certificates the proxies that run now trust. */
import { MeshError } from "#lib/errors.ts";
import { type Certificate, parseCertificates, verifyChain } from "#lib/x509/certificate.ts";
import type { KubeClient } from "#kube/client.ts";
import { resources } from "#kube/resource.ts";
import type { Pod } from "#kube/types/core.ts";

/** Meshed pods of one namespace or of all. */
export async function meshedPods(client: KubeClient, namespace: string | null): Promise<Pod[]> {
  const { items } = await client.list<Pod>(resources.pods, {
    labelSelector: "linkerd.io/control-plane-ns",
    ...(namespace === null ? {} : { namespace }),
  });
  return items;
}

/** The anchors that a pod's proxy was started with, or null when it has none as plain text. */
export function injectedAnchors(pod: Pod): string | null {
  const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  const proxy = containers.find((container) => container.name === "linkerd-proxy");
  return proxy?.env?.find(({ name }) => name === "LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS")?.value ?? null;
}

/**
 * Whether a pod's proxy is told of new anchors by the control plane while it runs. Proxies of this program are; others,
 * whose versions begin with a channel ("edge-26.8.3"), keep the anchors that they were started with.
 */
export function learnsAnchors(pod: Pod): boolean {
  return /^v?\d+\.\d+\.\d+/.test(pod.metadata.annotations?.["linkerd.io/proxy-version"] ?? "");
}

/**
 * Pods outside the control plane whose proxies would refuse certificates of a new issuer, as "namespace/name".
 * `distributed` are the anchors that proxies which learn them have by now.
 */
export function podsThatRefuse(
  pods: readonly Pod[],
  issuer: { readonly certificate: Certificate; readonly intermediates: readonly Certificate[] },
  distributed: readonly Certificate[],
  now: number,
): string[] {
  const accepts = (anchors: readonly Certificate[]): boolean => {
    try {
      verifyChain(issuer.certificate, issuer.intermediates, anchors, now);
      return true;
    } catch (error) {
      if (error instanceof MeshError) return false;
      throw error;
    }
  };
  const bySource = new Map<string, boolean>();
  return pods.flatMap((pod) => {
    if (learnsAnchors(pod) && accepts(distributed)) return [];
    const pem = injectedAnchors(pod);
    if (pem === null) return [];
    let fine = bySource.get(pem);
    if (fine === undefined) bySource.set(pem, (fine = accepts(parseCertificates(pem))));
    return fine ? [] : [`${pod.metadata.namespace}/${pod.metadata.name}`];
  });
}
