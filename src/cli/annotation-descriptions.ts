/** What each annotation of pods and namespaces does, for the reference that `linkerd doc` prints. */

const config = "config.linkerd.io/";

const ports = "Ports and ranges such as 4000-4100, separated by commas";

export const annotationDescriptions: Readonly<Record<string, string>> = {
  "linkerd.io/inject": "Whether pods get a proxy: enabled, disabled, or ingress for ingress controllers",
  [`${config}proxy-image`]: "Image of the proxy, without its tag",
  [`${config}proxy-version`]: "Tag of the proxy's image",
  [`${config}image-pull-policy`]: "Always, IfNotPresent or Never",
  [`${config}inbound-port`]: "Port of the proxy for connections to the pod",
  [`${config}outbound-port`]: "Port of the proxy for connections of the pod",
  [`${config}control-port`]: "Port of the proxy for tap",
  [`${config}admin-port`]: "Port of the proxy for metrics and probes",
  [`${config}pod-inbound-ports`]: `Ports on which the pod listens, where other webhooks add containers later. ${ports}`,
  [`${config}skip-inbound-ports`]: `Connections to these ports go to the application without the proxy. ${ports}`,
  [`${config}skip-outbound-ports`]: `Connections to these ports of others leave without the proxy. ${ports}`,
  [`${config}skip-subnets`]: "Connections from these networks go to the application without the proxy",
  [`${config}opaque-ports`]: `The protocol on these ports is not detected: connections pass as TCP. ${ports}`,
  [`${config}proxy-require-identity-inbound-ports`]: `Clients must prove an identity on these ports. ${ports}`,
  [`${config}proxy-outbound-connect-timeout`]: "Limit for connecting to others; 1000ms by default",
  [`${config}proxy-inbound-connect-timeout`]: "Limit for connecting to the application; 100ms by default",
  [`${config}proxy-outbound-discovery-cache-unused-timeout`]:
    "How long what was learned about a destination is kept without use; 5s by default",
  [`${config}proxy-inbound-discovery-cache-unused-timeout`]:
    "How long the policy of a port is kept without use; 90s by default",
  [`${config}proxy-disable-outbound-protocol-detect-timeout`]:
    "true: wait for the first bytes of an outbound connection as long as it takes",
  [`${config}proxy-disable-inbound-protocol-detect-timeout`]:
    "true: wait for the first bytes of an inbound connection as long as it takes",
  [`${config}proxy-metrics-hostname-labels`]: "true: label outbound metrics by the name in the request",
  [`${config}proxy-cpu-request`]: "CPU units that the proxy requests",
  [`${config}proxy-cpu-limit`]: "CPU units that the proxy may use",
  [`${config}proxy-cpu-ratio-limit`]: "Part of the node's CPUs that the proxy may use at most, above 0 and up to 1",
  [`${config}proxy-memory-request`]: "Memory that the proxy requests",
  [`${config}proxy-memory-limit`]: "Memory that the proxy may use",
  [`${config}proxy-ephemeral-storage-request`]: "Ephemeral storage that the proxy requests",
  [`${config}proxy-ephemeral-storage-limit`]: "Ephemeral storage that the proxy may use",
  [`${config}proxy-uid`]: "User as which the proxy runs",
  [`${config}proxy-gid`]: "Group as which the proxy runs",
  [`${config}proxy-log-level`]: "Log level of the proxy",
  [`${config}proxy-log-format`]: "plain or json",
  [`${config}proxy-log-http-headers`]: "insecure: log the headers of requests, which may hold secrets; off by default",
  [`${config}access-log`]: "A line for each request: apache (Common Log Format) or json",
  [`${config}enable-external-profiles`]: "true: look up ServiceProfiles for names outside of the cluster",
  [`${config}default-inbound-policy`]: "Who may talk to ports that no Server selects",
  [`${config}proxy-admin-shutdown`]: "enabled: the proxy ends when POST /shutdown is sent to its admin port",
  [`${config}proxy-await`]: "enabled: the application starts when the proxy is ready; disabled: at once",
  "config.alpha.linkerd.io/proxy-enable-native-sidecar": `Older name of ${config}proxy-enable-native-sidecar`,
  "config.beta.linkerd.io/proxy-enable-native-sidecar": `Older name of ${config}proxy-enable-native-sidecar`,
  [`${config}proxy-enable-native-sidecar`]:
    "true: the proxy is an init container that stays (Kubernetes 1.29 and later)",
  [`${config}shutdown-grace-period`]: "How long open connections may take to end when the pod stops",
  "config.alpha.linkerd.io/proxy-wait-before-exit-seconds":
    "Seconds that the proxy waits before it begins to stop, within the pod's own limit",
  [`${config}enable-debug-sidecar`]: "true: add a container with tools for debugging",
  [`${config}debug-image`]: "Image of the debug container, without its tag",
  [`${config}debug-image-version`]: "Tag of the debug container's image",
  [`${config}debug-image-pull-policy`]: "Always, IfNotPresent or Never, for the debug container",
  [`${config}enable-gateway`]: "true: the proxy is a gateway for other clusters",
  [`${config}close-wait-timeout`]: "Kernel limit for connections that only one side has closed, such as 1m",
  [`${config}proxy-additional-env`]:
    "More environment variables of the proxy, as a JSON list of EnvVar; entries of the pod win over those of the namespace and of the installation",
};
