/** The containers that injection adds. */
import {
  allWhen,
  and,
  atLeast,
  demand,
  equal,
  not,
  or,
  orElse,
  pick,
  some,
  text,
  unlessBare,
  when,
  type Expr,
  type Tree,
  type TreeObject,
} from "../template/expression.ts";
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
import { containerResources, proxyImage, proxyPullPolicy, type ProxySettings, type ProxyView } from "./settings.ts";

const runtimeDefault = { type: "RuntimeDefault" };

/** The sidecar. As a native sidecar it is an init container that keeps running (`restartPolicy: Always`). */
export function proxyContainerOf(settings: ProxyView): Part {
  const { values, serviceAccountMount } = settings;
  const { proxy, identity } = values;
  const admin = (path: string): TreeObject => ({ path, port: proxy.ports.admin });
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
    startupProbe: when(and(proxy.nativeSidecar, proxy.await), { httpGet: admin("/ready"), ...proxy.startupProbe }),
    resources: containerResources(proxy.resources),
    securityContext: proxySecurityContext(settings),
    terminationMessagePolicy: "FallbackToLogsOnError",
    lifecycle: lifecycle(settings),
    volumeMounts: [
      { mountPath: "/var/run/linkerd/identity/end-entity", name: identityVolume },
      when(proxy.tracing.enabled, { mountPath: "/var/run/linkerd/podinfo", name: podInfoVolume }),
      when(identity.serviceAccountTokenProjection, { mountPath: "/var/run/secrets/tokens", name: tokenVolume }),
      ownTokenMount(values, serviceAccountMount),
    ],
    restartPolicy: when(proxy.nativeSidecar, "Always"),
  };
}

/** The pod's own token is the proxy's identity only where none is projected for it. */
function ownTokenMount({ identity }: ProxyView["values"], mount: ProxyView["serviceAccountMount"]): Tree {
  if (mount === null) return undefined;
  return when(not(identity.serviceAccountTokenProjection), { ...mount, readOnly: true });
}

function proxySecurityContext({ values }: ProxyView): Tree {
  const { securityContext, uid, gid } = values.proxy;
  return when(some(securityContext), securityContext, {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ["ALL"] },
    readOnlyRootFilesystem: true,
    runAsNonRoot: true,
    runAsUser: uid,
    runAsGroup: when(atLeast(gid, 0), gid),
    seccompProfile: runtimeDefault,
  });
}

/** An ordinary container starts together with the application; these hooks stand in for the native sidecar's order. */
function lifecycle({ values }: ProxyView): Tree {
  const { proxy } = values;
  const waits = some(proxy.waitBeforeExitSeconds);
  const command = ["linkerd", "await", "--timeout=2m", text`--port=${proxy.ports.admin}`];
  const hooks = unlessBare({
    postStart: when(proxy.await, { exec: { command } }),
    // The sleep of the kubelet (Kubernetes 1.30 on): the image needs no shell tools.
    preStop: when(waits, { sleep: { seconds: proxy.waitBeforeExitSeconds } }),
  });
  return when(not(proxy.nativeSidecar), hooks);
}

/** The init container that redirects the pod's traffic to the proxy. */
export function initContainerOf(settings: ProxyView): Part {
  const { values } = settings;
  const { proxyInit } = values;
  const rooted = or(some(proxyInit.closeWaitTimeoutSecs), proxyInit.privileged);
  return {
    name: initContainer,
    image: proxyImage(values),
    imagePullPolicy: proxyPullPolicy(values),
    args: ["proxy-init", ...initArguments(settings)],
    resources: containerResources(values.proxy.resources),
    securityContext: {
      allowPrivilegeEscalation: rooted,
      capabilities: { add: ["NET_ADMIN", "NET_RAW"], drop: ["ALL"] },
      privileged: rooted,
      readOnlyRootFilesystem: true,
      runAsGroup: pick(proxyInit.runAsRoot, 0, orElse(proxyInit.runAsGroup, 65534)),
      runAsNonRoot: not(proxyInit.runAsRoot),
      runAsUser: pick(proxyInit.runAsRoot, 0, orElse(proxyInit.runAsUser, 65534)),
      seccompProfile: runtimeDefault,
    },
    terminationMessagePolicy: "FallbackToLogsOnError",
    volumeMounts: [{ ...proxyInit.xtMountPath }, ownTokenMount(values, settings.serviceAccountMount)],
  };
}

function initArguments({ values }: ProxyView): readonly Tree[] {
  const { proxy, proxyInit } = values;
  const flag = (name: string, value: Expr<string>): readonly Tree[] => [name, value];
  const flagWhen = (condition: Expr<boolean>, name: string, value: Expr<string>): readonly Tree[] =>
    allWhen(condition, () => flag(name, value));
  const unlessEmpty = (name: string, value: Expr<string>): readonly Tree[] => flagWhen(some(value), name, value);
  const mode = (name: string): Expr<boolean> => equal(proxyInit.iptablesMode as Expr<string>, name);
  const own = text`${proxy.ports.control},${proxy.ports.admin}`;
  const skipped = proxyInit.ignoreInboundPorts;
  const closeWait = some(proxyInit.closeWaitTimeoutSecs);
  demand(
    or(not(closeWait), proxyInit.runAsRoot),
    `Value "proxyInit.runAsRoot" must be true when a close-wait timeout is set (config.linkerd.io/close-wait-timeout)`,
  );
  return [
    // Which iptables to run; the init program's own default is the legacy one.
    ...flagWhen(mode("nft"), "--firewall-bin-path", "iptables-nft"),
    ...flagWhen(mode("nft"), "--firewall-save-bin-path", "iptables-nft-save"),
    ...flagWhen(mode("plain"), "--firewall-bin-path", "iptables"),
    ...flagWhen(mode("plain"), "--firewall-save-bin-path", "iptables-save"),
    when(values.disableIPv6, "--ipv6=false"),
    ...flag("--incoming-proxy-port", text`${proxy.ports.inbound}`),
    ...flag("--outgoing-proxy-port", text`${proxy.ports.outbound}`),
    ...flag("--proxy-uid", text`${proxy.uid}`),
    ...flagWhen(atLeast(proxy.gid, 0), "--proxy-gid", text`${proxy.gid}`),
    ...flag("--inbound-ports-to-ignore", pick(some(skipped), text`${own},${skipped}`, own)),
    ...unlessEmpty("--outbound-ports-to-ignore", proxyInit.ignoreOutboundPorts),
    ...flagWhen(closeWait, "--timeout-close-wait-secs", text`${proxyInit.closeWaitTimeoutSecs}`),
    ...unlessEmpty("--log-format", proxyInit.logFormat),
    ...unlessEmpty("--log-level", proxyInit.logLevel),
    ...unlessEmpty("--subnets-to-ignore", proxyInit.skipSubnets),
  ];
}

/** Under the CNI plugin: checks that the redirect is in place, and fails the pod if it isn't. */
export function validatorContainerOf({ values }: ProxyView): Part {
  const { networkValidator: validator, disableIPv6 } = values;
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
      orElse(validator.connectAddr, pick(disableIPv6, "1.1.1.1:20001", "[fd00::1]:20001")),
      "--listen-addr",
      orElse(validator.listenAddr, pick(disableIPv6, "0.0.0.0:4140", "[::]:4140")),
      "--timeout",
      validator.timeout,
    ],
    resources: containerResources(values.proxy.resources),
    securityContext: when(
      validator.enableSecurityContext,
      when(some(validator.securityContext), validator.securityContext, {
        allowPrivilegeEscalation: false,
        capabilities: { drop: ["ALL"] },
        readOnlyRootFilesystem: true,
        runAsGroup: 65534,
        runAsNonRoot: true,
        runAsUser: 65534,
        seccompProfile: runtimeDefault,
      }),
    ),
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
export function proxyVolumes({ values }: Pick<ProxyView, "values">): readonly Tree[] {
  const token = { path: tokenVolume, expirationSeconds: 86_400, audience: "identity.l5d.io" };
  return [
    when(not(values.cniEnabled), { name: values.proxyInit.xtMountPath.name, emptyDir: {} }),
    when(values.proxy.tracing.enabled, {
      name: podInfoVolume,
      downwardAPI: {
        items: [
          { path: "labels", fieldRef: { fieldPath: "metadata.labels" } },
          { path: "annotations", fieldRef: { fieldPath: "metadata.annotations" } },
        ],
      },
    }),
    // Keys never touch a disk.
    { name: identityVolume, emptyDir: { medium: "Memory" } },
    when(values.identity.serviceAccountTokenProjection, {
      name: tokenVolume,
      projected: { sources: [{ serviceAccountToken: token }] },
    }),
  ];
}
