/**
 * The way to a pod's proxy. The connection is plain: the proxy of our own pod puts mutual TLS around it, with the identity of
 * our ServiceAccount, which is the one that the other proxy lets in.
 */
import type { Clock } from "#lib/clock.ts";
import { connect } from "#lib/net/connect.ts";
import { formatSocketAddr } from "#lib/net-addr.ts";
import { RpcClient } from "#rpc/client.ts";
import { Tap } from "#rpc/gen/tap_pb.ts";
import type { OpenObserve } from "./tap-session.ts";

/** ms until there must be a connection. */
const connectTimeout = 5000;
const grpcOk = 0;

/** Each stream has a connection of its own: they are few, and one pod's troubles stay its own. */
export function observeOverNetwork(clock: Clock): OpenObserve {
  return (pod, request, handler) => {
    const addr = { ip: pod.ip ?? "", port: pod.port };
    const client = new RpcClient({
      connect: (opened) => connect({ ...addr, timeout: connectTimeout }, opened),
      authority: formatSocketAddr(addr),
      clock,
    });
    let over = false;
    const call = client.serverStream(Tap.method.observe, request, {
      onOpen: () => handler.onOpen(),
      onMessage: (message) => handler.onMessage(message),
      onEnd: ({ code, message }) => {
        over = true;
        client.close();
        handler.onEnd(
          code === grpcOk ? "its proxy ended the stream" : message === "" ? `gRPC status ${code}` : message,
        );
      },
    });
    return () => {
      if (over) return;
      over = true;
      call.cancel();
      client.close();
    };
  };
}
