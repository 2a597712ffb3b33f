/** The keys and certificates of one cluster, kept in its state folder for as long as its state. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { createKey } from "#lib/x509/key.ts";
import { encodePem } from "#lib/x509/pem.ts";
import { createLeaf, createRoot, validFor } from "#lib/x509/sign.ts";
import type { FrontProxyCredentials } from "./api/aggregation.ts";
import { apiServiceIp, nodeIp } from "./network/addresses.ts";

export interface ClusterCredentials {
  /** Certificate authority of the API server. */
  readonly caPem: string;
  readonly certPem: string;
  readonly keyPem: string;
  /** By which servers of APIServices know the API server: an authority and its one client certificate. */
  readonly frontProxy: FrontProxyCredentials;
  /** Signs ServiceAccount tokens. */
  readonly tokenKeyPem: string;
  /** The administrator's bearer token, in the kubeconfig. */
  readonly adminToken: string;
}

const year = 365 * 24 * 3600 * 1000;

function create(now: number, clusterDomain: string): ClusterCredentials {
  const validity = validFor(now, 10 * year, 24 * 3600 * 1000);
  const root = createRoot("linkerd-local", validity);
  const names = [
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    `kubernetes.default.svc.${clusterDomain}`,
    "localhost",
    "127.0.0.1",
    apiServiceIp,
    nodeIp,
  ];
  const leaf = createLeaf(root, names, validity);
  return {
    caPem: encodePem("CERTIFICATE", root.certificate.der),
    certPem: encodePem("CERTIFICATE", leaf.certificate.der),
    keyPem: leaf.key.privateKeyPem,
    frontProxy: frontProxy(now),
    tokenKeyPem: createKey().privateKeyPem,
    adminToken: randomBytes(32).toString("base64url"),
  };
}

function frontProxy(now: number): FrontProxyCredentials {
  const validity = validFor(now, 10 * year, 24 * 3600 * 1000);
  const root = createRoot("linkerd-local-front-proxy", validity);
  const leaf = createLeaf(root, ["front-proxy-client"], validity);
  return {
    caPem: encodePem("CERTIFICATE", root.certificate.der),
    certPem: encodePem("CERTIFICATE", leaf.certificate.der),
    keyPem: leaf.key.privateKeyPem,
  };
}

/** `folder`: where to keep them, null for this run only. */
export function clusterCredentials(folder: string | null, now: number, clusterDomain: string): ClusterCredentials {
  const path = folder === null ? null : join(folder, "credentials.json");
  const known =
    path !== null && existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as ClusterCredentials) : null;
  // Clusters of before have none.
  if (known?.frontProxy !== undefined) return known;
  const credentials = known === null ? create(now, clusterDomain) : { ...known, frontProxy: frontProxy(now) };
  if (path !== null && folder !== null) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(path, JSON.stringify(credentials), { mode: 0o600 });
  }
  return credentials;
}

/** A kubeconfig of the administrator. */
export function kubeconfig(name: string, port: number, credentials: ClusterCredentials): string {
  const context = name === "default" ? "linkerd-local" : `linkerd-local-${name}`;
  return `apiVersion: v1
kind: Config
clusters:
- name: ${context}
  cluster:
    server: https://127.0.0.1:${port}
    certificate-authority-data: ${Buffer.from(credentials.caPem).toString("base64")}
users:
- name: ${context}
  user:
    token: ${credentials.adminToken}
contexts:
- name: ${context}
  context:
    cluster: ${context}
    user: ${context}
current-context: ${context}
`;
}
