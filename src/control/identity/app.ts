/** The identity program: the Certify call on one port, metrics and readiness on another. */
import { asMeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import type { Registry } from "#lib/metrics/registry.ts";
import { listen } from "#lib/net/listen.ts";
import { Watchable, type ReadonlyWatchable } from "#lib/watchable.ts";
import { KubeClient } from "#kube/client.ts";
import { loadClusterAccess } from "#kube/config.ts";
import { EventWriter, type KubeEvent } from "#kube/events.ts";
import { Identity } from "#rpc/gen/identity_pb.ts";
import { createRpcServer } from "#rpc/server.ts";
import { implement, type ServiceRoutes } from "#rpc/service.ts";
import { serveAdmin } from "#lib/admin-server.ts";
import { serverOptions } from "../api/server-metrics.ts";
import type { ControlContext, RunningProgram } from "../context.ts";
import { certify, type CertifyDeps } from "./certify.ts";
import { identityConfig } from "./config.ts";
import { watchIssuer, type Issuer } from "./issuer.ts";
import { TokenReviewer } from "./token-review.ts";
import { trustAnchorsService } from "./trust-anchors.ts";

/** How long streams get to hear that the program stops, ms. */
const farewell = 300;

/** What a test wants to know of the program. */
export interface RunningIdentity extends RunningProgram {
  readonly port: number;
  readonly adminPort: number;
}

export async function start(context: ControlContext): Promise<RunningIdentity> {
  const { clock, log, registry, drain } = context;
  const config = identityConfig(context.args);
  const client = new KubeClient(loadClusterAccess({ kubeconfig: config.kubeconfig, env: context.env, clock }));
  const events = new EventWriter(client, "linkerd-identity", { clock, log });
  // All Events are about the program itself: a pod that gets a certificate every day is not news for the pod.
  const own = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    namespace: config.scope.controlPlaneNamespace,
    name: "linkerd-identity",
  };
  const tell = (type: KubeEvent["type"], reason: string, message: string): void =>
    events.write({ object: own, type, reason, message });
  const stop = new AbortController();
  const issuer = watchIssuer(config.files, {
    clock,
    log,
    signal: stop.signal,
    onEvent: ({ reason, message }) => tell(reason.endsWith("Updated") ? "Normal" : "Warning", reason, message),
  });
  publishIssuerLife(registry, issuer, () => clock.wall());
  const reviewer = new TokenReviewer(client, { acceptDefaultAudience: config.acceptDefaultAudience });
  const service = identityService(
    {
      scope: config.scope,
      issuer,
      review: (token) => reviewer.review(token),
      clock,
      lifetime: config.lifetime,
      skew: config.skew,
    },
    { log, registry, tell: (message) => tell("Normal", "IssuedLeafCertificate", message) },
  );
  const server = createRpcServer({
    services: [service, trustAnchorsService(issuer, { registry, drain })],
    log,
    clock,
    ...serverOptions({ queueCapacity: 10 }, registry),
  });
  const listener = listen({ ...config.listen, clock }, server.accept);
  const admin = serveAdmin({ ...config.admin, registry, ready: new Watchable(true) });
  drain.onDrain(() => {
    listener.close();
    server.drain();
    // Streams end themselves on drain; their last words must get out.
    clock.after(farewell, drain.hold());
  });
  log.info("Serving certificates", { port: listener.addr.port, lifetime: config.lifetime / 1000 });
  return {
    port: listener.addr.port,
    adminPort: admin.port,
    async stop() {
      stop.abort();
      listener.close();
      server.close();
      await admin.stop();
    },
  };
}

/** The gRPC face of {@link certify}. */
function identityService(
  deps: CertifyDeps,
  { log, registry, tell }: { log: Log; registry: Registry; tell: (message: string) => void },
): ServiceRoutes {
  const outcomes = registry.counter("identity_certify_total", "Certificate requests by outcome");
  return implement(Identity, {
    async certify({ identity, token, certificateSigningRequest: csr }, { remote }) {
      try {
        const { leaf, intermediates } = await certify({ identity, token, csr }, deps);
        outcomes.cell({ outcome: "issued" }).value++;
        const until = new Date(leaf.notAfter).toISOString();
        log.debug("Issued a certificate", { identity, until });
        tell(`issued certificate for ${identity} until ${until}: serial ${leaf.serial}`);
        return {
          leafCertificate: leaf.der,
          intermediateCertificates: [...intermediates],
          validUntil: { seconds: BigInt(Math.floor(leaf.notAfter / 1000)) },
        };
      } catch (thrown) {
        const error = asMeshError(thrown, "Certifying failed");
        outcomes.cell({ outcome: error.code }).value++;
        log.warn(
          "Refused a certificate",
          { identity: identity.slice(0, 253), client: remote.ip, code: error.code },
          error,
        );
        throw error;
      }
    },
  });
}

function publishIssuerLife(registry: Registry, issuer: ReadonlyWatchable<Issuer>, wall: () => number): void {
  const cell = registry
    .gauge("issuer_cert_ttl_seconds", "Seconds until the identity issuer's certificate expires; negative when it has")
    .cell();
  registry.onCollect(() => {
    cell.value = Math.round((issuer.get().authority.certificate.notAfter - wall()) / 1000);
  });
}
