/** The settings files of the node's components: name in the run's etc folder → text. JSON is YAML. */
import { join } from "node:path";
import { network, runPaths } from "./settings.ts";

/** Pods run on this image below everything else; see images.ts. */
export const pauseImage = "linkerd.local/pause:v1";

export function nodeSettings(): Readonly<Record<string, string>> {
  const certificate = (name: string): string => join(runPaths.certificates, name);
  return {
    "containerd.toml": containerd(),
    "cni/10-pods.conflist": JSON.stringify({
      cniVersion: "1.0.0",
      name: "pods",
      plugins: [
        {
          type: "bridge",
          bridge: "cni0",
          isGateway: true,
          ipMasq: true,
          // A pod that calls its own Service comes back on the port it left by.
          hairpinMode: true,
          ipam: { type: "host-local", ranges: [[{ subnet: network.podCidr }]], routes: [{ dst: "0.0.0.0/0" }] },
        },
        { type: "portmap", capabilities: { portMappings: true } },
      ],
    }),
    "resolv.conf": `nameserver ${network.dnsIp}\n`,
    "kubelet.yaml": JSON.stringify({
      apiVersion: "kubelet.config.k8s.io/v1beta1",
      kind: "KubeletConfiguration",
      containerRuntimeEndpoint: `unix://${runPaths.socket}`,
      cgroupDriver: "cgroupfs",
      // Virtual machines for builds often have cgroup v1 still.
      failCgroupV1: false,
      failSwapOn: false,
      // Lowering it needs a capability that root may lack on such machines.
      oomScoreAdj: 0,
      clusterDNS: [network.dnsIp],
      clusterDomain: "cluster.local",
      resolvConf: join(runPaths.settings, "resolv.conf"),
      authentication: {
        anonymous: { enabled: false },
        webhook: { enabled: true },
        x509: { clientCAFile: certificate("ca.crt") },
      },
      authorization: { mode: "Webhook" },
      tlsCertFile: certificate("kubelet.crt"),
      tlsPrivateKeyFile: certificate("kubelet.key"),
      address: network.nodeIp,
      podLogsDir: "/var/log/pods",
      volumePluginDir: join(runPaths.state, "volume-plugins"),
      // The machine's disk is not ours to judge: no eviction and no image collection because of it.
      imageGCHighThresholdPercent: 100,
      evictionHard: { "memory.available": "100Mi", "nodefs.available": "0%", "imagefs.available": "0%" },
      nodeStatusUpdateFrequency: "2s",
      // How soon running pods see a changed ConfigMap or Secret; a minute by default.
      syncFrequency: "5s",
      serializeImagePulls: false,
      registryPullQPS: 0,
      kubeAPIQPS: 200,
      kubeAPIBurst: 400,
    }),
    "kube-proxy.yaml": JSON.stringify({
      apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
      kind: "KubeProxyConfiguration",
      clientConnection: { kubeconfig: certificate("proxy.conf") },
      hostnameOverride: network.node,
      oomScoreAdj: 0,
      mode: "iptables",
      clusterCIDR: network.podCidr,
      // Zero would mean the default of 1 s, in which connections go to pods that are gone.
      iptables: { minSyncPeriod: "10ms" },
      // Zero leaves the kernel's own sizes and times alone.
      conntrack: { maxPerCore: 0, tcpEstablishedTimeout: "0s", tcpCloseWaitTimeout: "0s" },
    }),
    Corefile: `. {
  bind ${network.nodeIp}
  errors
  ready 127.0.0.1:8181
  kubernetes cluster.local in-addr.arpa {
    kubeconfig ${certificate("coredns.conf")}
    ttl 5
  }
  template ANY ANY . {
    rcode NXDOMAIN
  }
}
`,
  };
}

function containerd(): string {
  const without = ["btrfs", "zfs", "devmapper", "aufs"].map((name) => `io.containerd.snapshotter.v1.${name}`);
  return `version = 2
root = "${runPaths.state}/containerd/root"
state = "${runPaths.state}/containerd/state"
disabled_plugins = ${JSON.stringify([...without, "io.containerd.internal.v1.tracing", "io.containerd.tracing.processor.v1.otlp"])}

[grpc]
  address = "${runPaths.socket}"

[plugins."io.containerd.internal.v1.opt"]
  path = "${runPaths.state}/opt"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  # Without the capability SYS_RESOURCE nobody may lower oom_score_adj, and no pod would start.
  restrict_oom_score_adj = true

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/opt/cni/bin"
    conf_dir = "/etc/cni/net.d"

  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
`;
}

/** What the cluster needs before pods can look names up: DNS runs on the node, outside of any pod. */
export function dnsObjects(): readonly object[] {
  return [
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      metadata: { name: "system:coredns" },
      rules: [
        { apiGroups: [""], resources: ["services", "pods", "namespaces"], verbs: ["list", "watch"] },
        { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list", "watch"] },
      ],
    },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: "system:coredns" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "system:coredns" },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "system:coredns" }],
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "kube-dns", namespace: "kube-system" },
      spec: {
        clusterIP: network.dnsIp,
        ports: [
          { name: "dns", port: 53, protocol: "UDP" },
          { name: "dns-tcp", port: 53, protocol: "TCP" },
        ],
      },
    },
    {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: {
        name: "kube-dns-node",
        namespace: "kube-system",
        labels: { "kubernetes.io/service-name": "kube-dns" },
      },
      addressType: "IPv4",
      ports: [
        { name: "dns", port: 53, protocol: "UDP" },
        { name: "dns-tcp", port: 53, protocol: "TCP" },
      ],
      endpoints: [{ addresses: [network.nodeIp], conditions: { ready: true } }],
    },
  ];
}
