/** The containers that injection adds. */
import { MeshError } from "#lib/errors.ts";
import type { JsonObject } from "../json.ts";
import {
  debugContainer,
  identityVolume,
  initContainer,
  podInfoVolume,
  proxyContainer,
  tokenVolume,
  validatorContainer,
} from "./keys.ts";
import type { Part } from "./pod.ts";
import { proxyEnv } from "./proxy-env.ts";
import { containerResources, proxyImage, proxyPullPolicy, type ProxySettings } from "./settings.ts";

const runtimeDefault = { type: "RuntimeDefault" };

/** The sidecar. As a native sidecar it is an init container that keeps running (`restartPolicy: Always`). */
export function proxyContainerOf(settings: ProxySettings): Part {
  const { values } = settings;
  const { proxy } = values;
  const admin = (path: string): JsonObject => ({ path, port: proxy.ports.admin });
  const mounts: JsonObject[] = [{ mountPath: "/var/run/linkerd/identity/end-entity", name: identityVolume }];
  if (proxy.tracing.enabled) mounts.push({ mountPath: "/var/run/linkerd/podinfo", name: podInfoVolume });
  if (values.identity.serviceAccountTokenProjection) {
    mounts.push({ mountPath: "/var/run/secrets/tokens", name: tokenVolume });
  }
  if (settings.serviceAccountMount !== null) mounts.push({ ...settings.serviceAccountMount, readOnly: true });
  return {
    name: proxyContainer,
    image: proxyImage(values),
    imagePullPolicy: proxyPullPolicy(values),
    args: ["proxy"],
    env: proxyEnv(settings),
    ports: [
      { containerPort: proxy.ports.inbound, name: "linkerd-proxy" },
      { containerPort: proxy.ports.admin, name: "linkerd-admin" },
    ],
    livenessProbe: { httpGet: admin("/live"), ...proxy.livenessProbe },
    readinessProbe: { httpGet: admin("/ready"), ...proxy.readinessProbe },
    // Holds back the containers behind it until the proxy can serve them: what "await" means for a native sidecar.
    startupProbe: proxy.nativeSidecar && proxy.await ? { httpGet: admin("/ready"), ...proxy.startupProbe } : undefined,
    resources: containerResources(proxy.resources),
    securityContext: proxySecurityContext(settings),
    terminationMessagePolicy: "FallbackToLogsOnError",
    lifecycle: proxy.nativeSidecar ? undefined : lifecycle(settings),
    volumeMounts: mounts,
    restartPolicy: proxy.nativeSidecar ? "Always" : undefined,
  };
}

function proxySecurityContext({ values }: ProxySettings): JsonObject {
  const { securityContext, uid, gid } = values.proxy;
  if (Object.keys(securityContext).length > 0) return securityContext;
  return {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ["ALL"] },
    readOnlyRootFilesystem: true,
    runAsNonRoot: true,
    runAsUser: uid,
    runAsGroup: gid >= 0 ? gid : undefined,
    seccompProfile: runtimeDefault,
  };
}

/** An ordinary container starts together with the application; these hooks stand in for the native sidecar's order. */
function lifecycle({ values }: ProxySettings): JsonObject | undefined {
  const { proxy } = values;
  if (!proxy.await && proxy.waitBeforeExitSeconds === 0) return undefined;
  return {
    postStart: proxy.await
      ? { exec: { command: ["linkerd", "await", "--timeout=2m", `--port=${proxy.ports.admin}`] } }
      : undefined,
    // The sleep of the kubelet (Kubernetes 1.30 on): the image needs no shell tools.
    preStop: proxy.waitBeforeExitSeconds > 0 ? { sleep: { seconds: proxy.waitBeforeExitSeconds } } : undefined,
  };
}

/** The init container that redirects the pod's traffic to the proxy. */
export function initContainerOf(settings: ProxySettings): Part {
  const { values } = settings;
  const { proxyInit } = values;
  const rooted = proxyInit.closeWaitTimeoutSecs > 0 || proxyInit.privileged;
  const mounts: JsonObject[] = [{ ...proxyInit.xtMountPath }];
  if (settings.serviceAccountMount !== null) mounts.push({ ...settings.serviceAccountMount, readOnly: true });
  return {
    name: initContainer,
    image: proxyImage(values),
    imagePullPolicy: proxyPullPolicy(values),
    args: ["proxy-init", ...initArguments(settings)],
    resources: containerResources(values.proxy.resources),
    securityContext: {
      allowPrivilegeEscalation: rooted,
      capabilities: { add: ["NET_ADMIN", "NET_RAW"] },
      privileged: rooted,
      readOnlyRootFilesystem: true,
      runAsGroup: proxyInit.runAsRoot ? 0 : proxyInit.runAsGroup || 65534,
      runAsNonRoot: !proxyInit.runAsRoot,
      runAsUser: proxyInit.runAsRoot ? 0 : proxyInit.runAsUser || 65534,
      seccompProfile: runtimeDefault,
    },
    terminationMessagePolicy: "FallbackToLogsOnError",
    volumeMounts: mounts,
  };
}

/** Which iptables to run; the init program's own default is the legacy one. */
const firewallArguments: Readonly<Record<string, readonly string[]>> = {
  nft: ["--firewall-bin-path", "iptables-nft", "--firewall-save-bin-path", "iptables-nft-save"],
  plain: ["--firewall-bin-path", "iptables", "--firewall-save-bin-path", "iptables-save"],
  legacy: [],
};

function initArguments({ values }: ProxySettings): string[] {
  const { proxy, proxyInit } = values;
  const args = [...(firewallArguments[proxyInit.iptablesMode] ?? [])];
  const add = (flag: string, value: string | number): void => {
    args.push(flag, String(value));
  };
  if (values.disableIPv6) args.push("--ipv6=false");
  add("--incoming-proxy-port", proxy.ports.inbound);
  add("--outgoing-proxy-port", proxy.ports.outbound);
  add("--proxy-uid", proxy.uid);
  if (proxy.gid >= 0) add("--proxy-gid", proxy.gid);
  const own = `${proxy.ports.control},${proxy.ports.admin}`;
  add(
    "--inbound-ports-to-ignore",
    proxyInit.ignoreInboundPorts === "" ? own : `${own},${proxyInit.ignoreInboundPorts}`,
  );
  if (proxyInit.ignoreOutboundPorts !== "") add("--outbound-ports-to-ignore", proxyInit.ignoreOutboundPorts);
  if (proxyInit.closeWaitTimeoutSecs > 0) {
    if (!proxyInit.runAsRoot) {
      throw new MeshError(
        "invalid-argument",
        `Value "proxyInit.runAsRoot" must be true when a close-wait timeout is set (config.linkerd.io/close-wait-timeout)`,
      );
    }
    add("--timeout-close-wait-secs", proxyInit.closeWaitTimeoutSecs);
  }
  if (proxyInit.logFormat !== "") add("--log-format", proxyInit.logFormat);
  if (proxyInit.logLevel !== "") add("--log-level", proxyInit.logLevel);
  if (proxyInit.skipSubnets !== "") add("--subnets-to-ignore", proxyInit.skipSubnets);
  return args;
}

/** Under the CNI plugin: checks that the redirect is in place, and fails the pod if it isn't. */
export function validatorContainerOf(settings: ProxySettings): Part {
  const { values } = settings;
  const { networkValidator: validator, disableIPv6 } = values;
  const custom = Object.keys(validator.securityContext).length > 0;
  return {
    name: validatorContainer,
    image: proxyImage(values),
    imagePullPolicy: proxyPullPolicy(values),
    args: [
      "network-validator",
      "--log-format",
      validator.logFormat,
      "--log-level",
      validator.logLevel,
      "--connect-addr",
      validator.connectAddr || (disableIPv6 ? "1.1.1.1:20001" : "[fd00::1]:20001"),
      "--listen-addr",
      validator.listenAddr || (disableIPv6 ? "0.0.0.0:4140" : "[::]:4140"),
      "--timeout",
      validator.timeout,
    ],
    resources: containerResources(values.proxy.resources),
    securityContext: !validator.enableSecurityContext
      ? undefined
      : custom
        ? validator.securityContext
        : {
            allowPrivilegeEscalation: false,
            capabilities: { drop: ["ALL"] },
            readOnlyRootFilesystem: true,
            runAsGroup: 65534,
            runAsNonRoot: true,
            runAsUser: 65534,
            seccompProfile: runtimeDefault,
          },
  };
}

export function debugContainerOf({ values }: ProxySettings): Part {
  const { image } = values.debugContainer;
  const succeeds = { exec: { command: ["true"] } };
  return {
    name: debugContainer,
    image: `${image.name}:${image.version || values.linkerdVersion}`,
    imagePullPolicy: image.pullPolicy || values.imagePullPolicy,
    // Some clusters refuse containers without probes.
    livenessProbe: succeeds,
    readinessProbe: succeeds,
    terminationMessagePolicy: "FallbackToLogsOnError",
  };
}

/** The volumes of the containers above. */
export function proxyVolumes({ values }: ProxySettings): Part[] {
  const volumes: Part[] = [];
  if (!values.cniEnabled) volumes.push({ name: values.proxyInit.xtMountPath.name, emptyDir: {} });
  if (values.proxy.tracing.enabled) {
    volumes.push({
      name: podInfoVolume,
      downwardAPI: {
        items: [
          { path: "labels", fieldRef: { fieldPath: "metadata.labels" } },
          { path: "annotations", fieldRef: { fieldPath: "metadata.annotations" } },
        ],
      },
    });
  }
  // Keys never touch a disk.
  volumes.push({ name: identityVolume, emptyDir: { medium: "Memory" } });
  if (values.identity.serviceAccountTokenProjection) {
    const token = { path: tokenVolume, expirationSeconds: 86_400, audience: "identity.l5d.io" };
    volumes.push({ name: tokenVolume, projected: { sources: [{ serviceAccountToken: token }] } });
  }
  return volumes;
}
