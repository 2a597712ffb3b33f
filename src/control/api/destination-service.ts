/** The Destination service: endpoint streams and profile streams. */
import type { DrainSignal } from "#lib/drain.ts";
import { MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import type { Registry } from "#lib/metrics/registry.ts";
import { Destination, DestinationProfileSchema, type Http2ClientParams } from "#rpc/gen/destination_pb.ts";
import { encodeMessage } from "#rpc/message.ts";
import { implement, type ServiceRoutes } from "#rpc/service.ts";
import { parseAuthority } from "../destination/authority.ts";
import { viewFor } from "../destination/client-view.ts";
import { type EndpointSet, watchEndpoints } from "../destination/endpoint-set.ts";
import { watchProfile } from "../destination/profile.ts";
import type { DestinationSettings } from "../destination/settings.ts";
import type { ClusterIndex } from "../index/cluster-index.ts";
import { clientPlace, parseClientContext } from "./client-context.ts";
import { profileMessage } from "./profile-message.ts";
import { DestinationMetrics } from "./destination-metrics.ts";
import { emptyView, EndpointFrames, type View } from "./endpoint-frames.ts";
import { follow } from "./subscription.ts";

export interface DestinationServiceOptions {
  readonly index: ClusterIndex;
  readonly settings: DestinationSettings;
  /** How clients are to speak HTTP/2 with meshed endpoints; null: as they like. */
  readonly http2: Http2ClientParams | null;
  readonly registry: Registry;
  readonly log: Log;
  readonly drain: DrainSignal;
}

export function destinationService(options: DestinationServiceOptions): ServiceRoutes {
  const { index, settings, log, drain } = options;
  const metrics = new DestinationMetrics(options.registry);
  const frames = new EndpointFrames(options.http2);
  return implement(Destination, {
    get(request, context, writer) {
      const authority = parseAuthority(request.path, settings.clusterDomain);
      if (authority.kind === "ip") {
        throw new MeshError("invalid-argument", `"${request.path}" is an IP address, not a Service's name`);
      }
      const client = clientPlace(index, parseClientContext(request.contextToken));
      const lease = watchEndpoints(index, settings, authority);
      const cells = metrics.endpoints(authority);
      let sent: View = emptyView;
      let existed: boolean | null = null;
      const send = (set: EndpointSet): boolean => {
        cells.pods.value = set.endpoints.size;
        cells.exists.value = set.exists ? 1 : 0;
        const view = viewFor(set, client);
        // An empty view is told again only when it means something else.
        if (view.size === 0 && sent.size === 0 && existed === set.exists) return true;
        const step = frames.step(sent, view, set, client.zone);
        sent = view;
        existed = set.exists;
        for (const frame of step) {
          cells.updates.value++;
          if (!writer.sendFrame(frame)) return false;
        }
        return true;
      };
      follow(lease, send, {
        context,
        writer,
        drain,
        onStart: () => cells.subscribers.value++,
        onStop: () => {
          cells.subscribers.value--;
          // What nobody follows is not kept up to date; a series at 0 goes away by itself.
          if (cells.subscribers.value === 0) cells.pods.value = cells.exists.value = 0;
        },
        onOverflow: () => {
          metrics.endpointOverflow.cell({ namespace: authority.namespace, service: authority.service }).value++;
          log.warn("Ended an endpoint stream that did not keep up", { path: request.path, client: context.remote.ip });
        },
      });
    },

    getProfile(request, context, writer) {
      const authority = parseAuthority(request.path, settings.clusterDomain);
      const client = parseClientContext(request.contextToken);
      const { zone } = clientPlace(index, client);
      const workload = authority.kind === "ip";
      const subscribers = (workload ? metrics.workloadSubscribers : metrics.profileSubscribers).cell();
      const updates = (workload ? metrics.workloadUpdates : metrics.profileUpdates).cell();
      follow(
        watchProfile(index, settings, authority, client.namespace),
        (profile) => {
          updates.value++;
          return writer.sendFrame(
            encodeMessage(DestinationProfileSchema, profileMessage(profile, zone, options.http2)),
          );
        },
        {
          context,
          writer,
          drain,
          onStart: () => subscribers.value++,
          onStop: () => subscribers.value--,
          onOverflow: () => {
            (workload ? metrics.workloadOverflow : metrics.profileOverflow).cell().value++;
            log.warn("Ended a profile stream that did not keep up", { path: request.path, client: context.remote.ip });
          },
        },
      );
    },
  });
}
