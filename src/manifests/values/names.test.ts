import { expect, test } from "bun:test";
import type { Json } from "../json.ts";
import { cniValues } from "./cni.ts";
import { controlPlaneValues } from "./control-plane.ts";
import type { Field } from "./field.ts";

/** Names of Linkerd's charts: people's values files have them. `a.{b,c}` stands for two. */
const controlPlane = `
clusterDomain clusterNetworks imagePullPolicy imagePullSecrets controllerReplicas controllerImage controllerImageVersion
controllerLogLevel controllerLogFormat controllerUID controllerGID enableEndpointSlices enableH2Upgrade
enablePodAntiAffinity enablePodDisruptionBudget deploymentStrategy disableIPv6 disableHeartBeat cniEnabled
identityTrustAnchorsPEM identityTrustDomain identity.{externalCA,serviceAccountTokenProjection}
identity.issuer.{scheme,issuanceLifetime,clockSkewAllowance} identity.issuer.tls.{crtPEM,keyPEM}
kubeAPI.{clientQPS,clientBurst} webhookFailurePolicy
proxyInjector.{timeoutSeconds,externalSecret,crtPEM,keyPEM,caBundle,injectCaFrom,injectCaFromSecret,namespaceSelector,objectSelector}
profileValidator.{externalSecret,crtPEM,keyPEM,caBundle,injectCaFrom,injectCaFromSecret,namespaceSelector}
policyValidator.{externalSecret,crtPEM,keyPEM,caBundle,injectCaFrom,injectCaFromSecret,namespaceSelector}
policyController.{logLevel,probeNetworks,resources} destinationController.meshedHttp2ClientProtobuf
podMonitor.{enabled,scrapeInterval,controller,serviceMirror,proxy} egress.globalEgressNetworkNamespace prometheusUrl
proxy.image.{name,version} proxy.{logLevel,logFormat,logHTTPHeaders,cores,uid,gid,await,nativeSidecar}
proxy.ports.{inbound,outbound,admin,control} proxy.runtime.workers.{minimum,maximumCPURatio}
proxy.resources.cpu.{request,limit} proxy.resources.memory.{request,limit} proxy.resources.ephemeral-storage.{request,limit}
proxy.{waitBeforeExitSeconds,opaquePorts,defaultInboundPolicy,outboundTransportMode,requireIdentityOnInboundPorts}
proxy.{shutdownGracePeriod,outboundConnectTimeout,inboundConnectTimeout,enableExternalProfiles,enableShutdownEndpoint}
proxy.{outboundDiscoveryCacheUnusedTimeout,inboundDiscoveryCacheUnusedTimeout}
proxy.{disableOutboundProtocolDetectTimeout,disableInboundProtocolDetectTimeout}
proxy.control.streams.{initialTimeout,idleTimeout,lifetime} proxy.{livenessProbe,readinessProbe,startupProbe}
proxy.inbound.server.http2.{keepAliveInterval,keepAliveTimeout} proxy.outbound.server.http2.{keepAliveInterval,keepAliveTimeout}
proxy.metrics.hostnameLabels proxy.tracing.{enabled,traceServiceName,labels} proxy.tracing.collector.{endpoint,meshIdentity}
proxyInit.{iptablesMode,ignoreInboundPorts,ignoreOutboundPorts,kubeAPIServerPorts,skipSubnets,closeWaitTimeoutSecs}
proxyInit.{privileged,runAsRoot,runAsUser,xtMountPath} networkValidator.{timeout,connectAddr,listenAddr,logLevel}
debugContainer.image.name nodeSelector tolerations priorityClassName runtimeClassName podAnnotations podLabels commonLabels
revisionHistoryLimit enablePprof enablePSP configReaders`;

const cni = `
inboundProxyPort outboundProxyPort proxyAdminPort proxyControlPort portsToRedirect ignoreInboundPorts ignoreOutboundPorts
proxyUID proxyGID destCNINetDir destCNIBinDir iptablesMode useWaitFlag disableIPv6 privileged repairController.enabled
tolerations updateStrategy`;

function paths(names: string): string[] {
  const words = names.trim().split(/\s+/);
  return words.flatMap((word) => {
    const [, before = "", list = ""] = /^(.*)\{(.*)\}$/.exec(word) ?? [];
    return list === "" ? [word] : list.split(",").map((name) => `${before}${name}`);
  });
}

function exists(field: Field<Json>, path: string): boolean {
  let at: Field<Json> | undefined = field;
  for (const name of path.split(".")) at = at?.shape.kind === "group" ? at.shape.members[name] : undefined;
  return at !== undefined;
}

test("every value name of Linkerd's charts is known", () => {
  expect(paths(controlPlane).filter((path) => !exists(controlPlaneValues, path))).toEqual([]);
  expect(paths(cni).filter((path) => !exists(cniValues, path))).toEqual([]);
  expect(exists(controlPlaneValues, "proxy.logLevl")).toBe(false);
});
