/** Who issues certificates now, as the identity program tells it. */
import { Backoff } from "#lib/backoff.ts";
import type { Clock } from "#lib/clock.ts";
import { errorChain } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import type { Random } from "#lib/random.ts";
import { TrustAnchors } from "#rpc/gen/trust_anchors_pb.ts";
import { identityClient } from "./identity-connection.ts";

/** Between two streams, ms. */
const retry = { min: 1000, max: 60_000, jitter: 0.5 };
/** A program that does not tell is asked again after so many ms: it may be upgraded one day. */
const untold = 600_000;
/** gRPC's UNIMPLEMENTED. */
const unimplemented = 12;

/** Calls `onIssuer` with the issuer's fingerprint, now and after each change, until the signal. */
export function followIssuer(
  at: { readonly host: string; readonly port: number },
  onIssuer: (sha256: string) => void,
  deps: { readonly clock: Clock; readonly random: Random; readonly log: Log; readonly signal: AbortSignal },
): void {
  const { clock, random, log, signal } = deps;
  const backoff = new Backoff(retry, random);
  const again = (delay: number): void => {
    clock.after(delay, () => {
      if (!signal.aborted) void open();
    });
  };
  const open = async (): Promise<void> => {
    try {
      const client = await identityClient(at, deps, { interval: 30_000, timeout: 10_000 });
      const close = (): void => client.close();
      signal.addEventListener("abort", close, { once: true });
      client.serverStream(
        TrustAnchors.method.watch,
        {},
        {
          onMessage({ issuerSha256 }) {
            backoff.reset();
            if (issuerSha256 !== "" && !signal.aborted) onIssuer(issuerSha256);
          },
          onEnd({ code, message }) {
            signal.removeEventListener("abort", close);
            close();
            if (signal.aborted) return;
            log.debug("The stream of the issuer ended", { code, message });
            again(code === unimplemented ? untold : backoff.next());
          },
        },
      );
    } catch (thrown) {
      log.debug("Following the issuer failed", { error: errorChain(thrown) });
      again(backoff.next());
    }
  };
  if (!signal.aborted) void open();
}
