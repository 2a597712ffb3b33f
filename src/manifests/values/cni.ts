/** The values of the chart `linkerd2-cni` and of `linkerd install-cni`, by Linkerd's names. */
import type { JsonObject } from "../json.ts";
import { not, type Expressions } from "../template/expression.ts";
import { defaultRegistry, image, resources } from "./control-plane.ts";
import { choice, flag, group, list, passthrough, port, ports, text, textMap, whole, type FieldType } from "./field.ts";
import type { ValueRule } from "./rules.ts";

export const cniImage = `${defaultRegistry}/cni-plugin`;
const logFormat = choice(["plain", "json"], "plain");

export const cniValues = group({
  linkerdVersion: text(""),
  cliVersion: text(""),
  inboundProxyPort: port(4143),
  outboundProxyPort: port(4140),
  proxyAdminPort: port(4191),
  proxyControlPort: port(4190),
  portsToRedirect: ports(""),
  ignoreInboundPorts: ports(""),
  ignoreOutboundPorts: ports(""),
  skipSubnets: text(""),
  proxyUID: whole(2102, 0, 2 ** 31 - 1),
  proxyGID: whole(-1, -1, 2 ** 31 - 1),
  destCNINetDir: text("/etc/cni/net.d"),
  destCNIBinDir: text("/opt/cni/bin"),
  iptablesMode: choice(["nft", "legacy", "plain"], "nft"),
  useWaitFlag: flag(false),
  disableIPv6: flag(true),
  excludeNamespaces: list(text("")),
  logLevel: text("info"),
  logFormat,
  image: image("cni-plugin"),
  imagePullSecrets: list(group({ name: text("") })),
  privileged: flag(false),
  enablePSP: flag(false),
  priorityClassName: text("system-node-critical"),
  runtimeClassName: text(""),
  nodeSelector: textMap({ "kubernetes.io/os": "linux" }),
  tolerations: list<JsonObject>(passthrough({}), [{ operator: "Exists" }]),
  updateStrategy: passthrough({ type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1 } }),
  extraInitContainers: list<JsonObject>(passthrough({})),
  revisionHistoryLimit: whole(10, 0, 1000),
  commonLabels: textMap(),
  podLabels: textMap(),
  podAnnotations: textMap(),
  resources,
  repairController: group({
    enabled: flag(true),
    image: image("cni-plugin"),
    logLevel: text("info"),
    logFormat,
    enableSecurityContext: flag(true),
    resources,
  }),
});

export type CniValues = FieldType<typeof cniValues>;

export const cniRules = ({ enablePSP }: Expressions<CniValues>): ValueRule[] => [
  {
    holds: not(enablePSP),
    message: `Value "enablePSP" is true, but Kubernetes has no pod security policies since 1.25; leave it false`,
  },
];
