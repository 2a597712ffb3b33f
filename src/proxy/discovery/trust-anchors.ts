/** Follows the mesh's trust anchors at the identity service, which Linkerd's own does not tell. */
import type { Timer } from "#lib/clock.ts";
import type { RpcClient } from "#rpc/client.ts";
import { TrustAnchors, type Anchors } from "#rpc/gen/trust_anchors_pb.ts";
import type { ControlMetrics } from "./control-clients.ts";
import { WatchStream, type OpenStream, type WatchStreamOptions } from "./watch-stream.ts";

/** How long a control plane that does not serve anchors is not asked again, ms: it may be upgraded one day. */
export const unservedPause = 600_000;

/** Hands every message to `onAnchors`, from now until closed. Nothing is said while the control plane is away. */
export function followTrustAnchors<M>(
  open: OpenStream<M>,
  onAnchors: (anchors: M) => void,
  options: Omit<WatchStreamOptions, "what" | "idleTimeout">,
): { close(): void } {
  let pause: Timer | null = null;
  let stream: WatchStream<M> | null = null;
  let closed = false;
  const start = (): void => {
    pause = null;
    stream = new WatchStream(
      open,
      {
        onMessage: (anchors) => onAnchors(anchors),
        onRefused: (end, retried) => {
          options.log.debug("The control plane tells no trust anchors, those that are known stay", { code: end.code });
          if (!retried && !closed) pause = options.clock.after(unservedPause, start);
        },
      },
      // Anchors change once a year: silence is no reason to ask again.
      { ...options, idleTimeout: options.lifetime, what: "trust anchors" },
    );
  };
  start();
  return {
    close() {
      closed = true;
      pause?.cancel();
      stream?.close();
    },
  };
}

/** The stream at the identity service at `addr`. */
export function watchAnchors(client: RpcClient, addr: string, metrics: ControlMetrics): OpenStream<Anchors> {
  return (handlers) => {
    const ended = metrics.started(addr);
    return client.serverStream(
      TrustAnchors.method.watch,
      {},
      {
        onMessage: (message) => handlers.onMessage(message),
        onEnd: (status) => {
          ended(status.code);
          handlers.onEnd(status);
        },
      },
    );
  };
}
