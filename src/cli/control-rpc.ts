/** Calls the control plane's gRPC services through a port-forward, as a proxy would call them directly. */
import type { DescMessage, DescMethodServerStreaming, MessageInitShape, MessageShape } from "#rpc/protobuf/types.ts";
import { lookup } from "node:dns/promises";
import { MeshError } from "#lib/errors.ts";
import { connect } from "#lib/net/connect.ts";
import type { KubeClient } from "#kube/client.ts";
import { listenForward } from "#kube/port-forward.ts";
import { RpcClient } from "#rpc/client.ts";
import { errorOfStatus } from "#rpc/status.ts";
import { readyPod } from "./pod-http.ts";

export interface ControlTarget {
  readonly namespace: string;
  /** A pod to ask; null: any ready one of the destination component. */
  readonly pod: string | null;
  /** 8086 destination, 8090 policy. */
  readonly port: number;
  /** "host:port" to ask directly instead, as --api-addr says. */
  readonly address: string | undefined;
}

export const destinationPort = 8086;
export const policyPort = 8090;

const timeoutMs = 10_000;

/** Opens a client to the component, hands it to `use`, and closes everything after it. */
export async function withControlRpc<Result>(
  client: () => KubeClient,
  target: ControlTarget,
  use: (rpc: RpcClient) => Promise<Result>,
): Promise<Result> {
  if (target.address !== undefined) return await withDirectRpc(target.address, use);
  const { namespace, port } = target;
  const pod =
    target.pod ?? (await readyPod(client(), namespace, "linkerd.io/control-plane-component=destination")).metadata.name;
  let cause: MeshError | null = null;
  const forward = listenForward(client(), { namespace, pod, port }, { onError: (error) => (cause = error) });
  try {
    return await withRpc("127.0.0.1", forward.port, `${pod}.${namespace}:${port}`, use);
  } catch (error) {
    if (cause !== null)
      throw new MeshError("unavailable", `Could not reach port ${port} of pod "${namespace}/${pod}"`, { cause });
    throw error;
  } finally {
    forward.close();
  }
}

async function withDirectRpc<Result>(address: string, use: (rpc: RpcClient) => Promise<Result>): Promise<Result> {
  const [, host = "", port = ""] = /^\[?([^\]]+)\]?:(\d{1,5})$/.exec(address) ?? [];
  if (host === "" || Number(port) < 1 || Number(port) > 65535) {
    throw new MeshError("invalid-argument", `Flag --api-addr has the value "${address}"; use host:port`);
  }
  let ip: string;
  try {
    ip = (await lookup(host)).address;
  } catch (error) {
    throw new MeshError("dns", `There is no address for "${host}" of --api-addr`, { cause: error });
  }
  return await withRpc(ip, Number(port), address, use);
}

async function withRpc<Result>(
  ip: string,
  port: number,
  authority: string,
  use: (rpc: RpcClient) => Promise<Result>,
): Promise<Result> {
  const rpc = new RpcClient({
    connect: (handler) => connect({ ip, port, timeout: timeoutMs }, handler),
    authority,
    keepalive: null,
  });
  try {
    return await use(rpc);
  } finally {
    rpc.close();
  }
}

/** The first message of a stream; the stream is ended then. */
export function firstMessage<I extends DescMessage, O extends DescMessage>(
  rpc: RpcClient,
  method: DescMethodServerStreaming<I, O>,
  message: MessageInitShape<I>,
): Promise<MessageShape<O>> {
  return new Promise((resolve, reject) => {
    const call = rpc.serverStream(
      method,
      message,
      {
        onMessage: (received) => {
          resolve(received);
          call.cancel();
        },
        onEnd: (status) => reject(errorOfStatus(status, `Calling "${method.parent.typeName}/${method.name}"`)),
      },
      { timeout: timeoutMs },
    );
  });
}
