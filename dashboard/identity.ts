/** The names that proxies prove, in the words of Kubernetes. Pure. */

export interface ServiceAccount {
  readonly name: string;
  readonly namespace: string;
}

/** `web.shop.serviceaccount.identity.linkerd.cluster.local` → web in shop; null for names of another form. */
export function serviceAccount(identity: string): ServiceAccount | null {
  const [name, namespace, kind, word] = identity.split(".");
  if (kind !== "serviceaccount" || word !== "identity" || !name || !namespace) return null;
  return { name, namespace };
}
