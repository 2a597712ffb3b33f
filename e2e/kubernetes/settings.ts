/** Where the test cluster keeps its things and which addresses it uses. Reads the environment; nothing else here does. */
import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** This folder: sources of the programs and the node's first process. */
export const sources = resolve(import.meta.dir);

/** Version of Kubernetes that go/kube/go.mod pins; the server reports it. */
export const kubernetesVersion = "1.34.4";

/** Built programs and images; kept between runs (LINKERD_K8S_CACHE). */
export const cacheFolder =
  process.env["LINKERD_K8S_CACHE"] ??
  join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "linkerd-kubernetes");

/** Everything of one run: certificates, settings, logs, sockets. One cluster per machine, so one folder; gone after down. */
export const runFolder = "/tmp/linkerd-kubernetes";

export const runPaths = {
  certificates: join(runFolder, "pki"),
  settings: join(runFolder, "etc"),
  logs: join(runFolder, "log"),
  /** A tmpfs inside the node: etcd's and containerd's data. */
  state: join(runFolder, "state"),
  /** A file named like a component keeps that component stopped. */
  hold: join(runFolder, "hold"),
  socket: join(runFolder, "containerd.sock"),
  /** For clients on this machine. */
  kubeconfig: join(runFolder, "kubeconfig"),
  /** Pid of the node's first process as this machine sees it. */
  pid: join(runFolder, "node.pid"),
  /** Pid of the process that the cluster belongs to; nobody else starts one while it lives. */
  owner: join(runFolder, "owner"),
} as const;

/** Addresses; all of them exist only inside the node but `host`, this machine's end of the link to it. */
export const network = {
  node: "node1",
  link: "lk8s0",
  host: "10.89.0.1",
  nodeIp: "10.89.0.2",
  nodeCidr: "10.89.0.0/24",
  /** The address of `linkerd local node`, on the node's loopback device. */
  localNodeIp: "10.244.0.1",
  serviceCidr: "10.96.0.0/16",
  apiServiceIp: "10.96.0.1",
  dnsIp: "10.96.0.10",
  podCidr: "10.244.0.0/24",
  apiPort: 6443,
} as const;
