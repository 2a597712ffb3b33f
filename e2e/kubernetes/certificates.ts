/**
 * Certificates and kubeconfigs of one run: a CA, one leaf per component, the key that signs ServiceAccount tokens, and the CA
 * by which the servers of APIServices know the API server, with its one leaf.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { command } from "./command.ts";
import { network, runPaths } from "./settings.ts";

interface Leaf {
  readonly name: string;
  /** Kubernetes reads the user from CN and its groups from O. */
  readonly subject: string;
  readonly altNames?: readonly string[];
  /** Who signs it. Default "ca". */
  readonly ca?: Authority;
}

type Authority = "ca" | "front-proxy-ca";

const leaves: readonly Leaf[] = [
  {
    name: "apiserver",
    subject: "/CN=kube-apiserver",
    altNames: [
      ...["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"].map(
        (name) => `DNS:${name}`,
      ),
      ...["127.0.0.1", network.apiServiceIp, network.nodeIp].map((ip) => `IP:${ip}`),
    ],
  },
  { name: "apiserver-kubelet", subject: "/O=system:masters/CN=apiserver-kubelet-client" },
  { name: "kubelet", subject: `/O=system:nodes/CN=system:node:${network.node}`, altNames: [`IP:${network.nodeIp}`] },
  { name: "local-node", subject: "/O=system:nodes/CN=system:node:local", altNames: [`IP:${network.localNodeIp}`] },
  { name: "admin", subject: "/O=system:masters/CN=admin" },
  { name: "controller-manager", subject: "/CN=system:kube-controller-manager" },
  { name: "scheduler", subject: "/CN=system:kube-scheduler" },
  { name: "proxy", subject: "/CN=system:kube-proxy" },
  { name: "coredns", subject: "/CN=system:coredns" },
  { name: "front-proxy", subject: "/CN=front-proxy-client", ca: "front-proxy-ca" },
];

/** Components that talk to the API server, each with a kubeconfig NAME.conf. */
const clients = ["admin", "kubelet", "controller-manager", "scheduler", "proxy", "coredns"] as const;

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"];

export async function writeCertificates(): Promise<void> {
  const folder = runPaths.certificates;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const openssl = (...args: string[]): Promise<string> => command(["openssl", ...args], { cwd: folder });
  const authority = (name: Authority, subject: string): Promise<string> =>
    openssl(
      ...["req", "-x509", ...newKey, "-keyout", `${name}.key`, "-out", `${name}.crt`, "-days", "30", "-subj", subject],
      ...["-addext", "keyUsage=critical,keyCertSign,digitalSignature,cRLSign"],
    );
  await Promise.all([
    authority("ca", "/CN=kubernetes-ca"),
    authority("front-proxy-ca", "/CN=front-proxy-ca"),
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "tokens.key"),
  ]);
  await openssl("pkey", "-in", "tokens.key", "-pubout", "-out", "tokens.pub");
  await Promise.all(
    leaves.map(({ name, subject, altNames, ca = "ca" }) =>
      openssl(
        ...["req", "-x509", ...newKey, "-keyout", `${name}.key`, "-out", `${name}.crt`, "-days", "30"],
        ...["-CA", `${ca}.crt`, "-CAkey", `${ca}.key`, "-subj", subject],
        ...["-addext", "basicConstraints=critical,CA:FALSE", "-addext", "keyUsage=critical,digitalSignature"],
        ...["-addext", "extendedKeyUsage=serverAuth,clientAuth"],
        ...(altNames === undefined ? [] : ["-addext", `subjectAltName=${altNames.join(",")}`]),
      ),
    ),
  );
  for (const name of clients) writeFileSync(join(folder, `${name}.conf`), kubeconfig(name, "127.0.0.1"));
  writeFileSync(runPaths.kubeconfig, kubeconfig("admin", network.nodeIp), { mode: 0o600 });
}

function kubeconfig(user: string, host: string): string {
  const data = (file: string): string => readFileSync(join(runPaths.certificates, file)).toString("base64");
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "kubernetes",
    contexts: [{ name: "kubernetes", context: { cluster: "kubernetes", user } }],
    clusters: [
      {
        name: "kubernetes",
        cluster: { server: `https://${host}:${network.apiPort}`, "certificate-authority-data": data("ca.crt") },
      },
    ],
    users: [
      {
        name: user,
        user: { "client-certificate-data": data(`${user}.crt`), "client-key-data": data(`${user}.key`) },
      },
    ],
  });
}
