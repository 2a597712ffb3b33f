/** Tells proxies whom to trust and who issues, now and whenever it changes. */
import type { DrainSignal } from "#lib/drain.ts";
import type { Registry } from "#lib/metrics/registry.ts";
import type { ReadonlyWatchable } from "#lib/watchable.ts";
import { AnchorsSchema, TrustAnchors } from "#rpc/gen/trust_anchors_pb.ts";
import { encodeMessage } from "#rpc/message.ts";
import { implement, type ServiceRoutes } from "#rpc/service.ts";
import { follow } from "../api/subscription.ts";
import type { Issuer } from "./issuer.ts";

export function trustAnchorsService(
  issuer: ReadonlyWatchable<Issuer>,
  { registry, drain }: { readonly registry: Registry; readonly drain: DrainSignal },
): ServiceRoutes {
  const subscribers = registry.gauge("trust_anchors_subscribers", "Proxies that follow the trust anchors").cell();
  const updates = registry.counter("trust_anchors_updates", "Trust bundles that were sent").cell();
  return implement(TrustAnchors, {
    watch(_request, context, writer) {
      const send = ({ anchorsPem, fingerprint }: Issuer): boolean => {
        updates.value++;
        return writer.sendFrame(encodeMessage(AnchorsSchema, { bundlePem: anchorsPem, issuerSha256: fingerprint }));
      };
      follow({ value: issuer, release: () => {} }, send, {
        context,
        writer,
        drain,
        onStart: () => void subscribers.value++,
        onStop: () => void subscribers.value--,
        onOverflow: () => {},
      });
    },
  });
}
