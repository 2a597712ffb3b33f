/** Calls the control plane's gRPC services through a port-forward, as a proxy would call them directly. */
import type { DescMessage, DescMethodServerStreaming, MessageInitShape, MessageShape } from "#rpc/protobuf/types.ts";
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
}

export const destinationPort = 8086;
export const policyPort = 8090;

const timeoutMs = 10_000;

/** Opens a client to the component, hands it to `use`, and closes everything after it. */
export async function withControlRpc<Result>(
  client: KubeClient,
  target: ControlTarget,
  use: (rpc: RpcClient) => Promise<Result>,
): Promise<Result> {
  const { namespace, port } = target;
  const pod =
    target.pod ?? (await readyPod(client, namespace, "linkerd.io/control-plane-component=destination")).metadata.name;
  let cause: MeshError | null = null;
  const forward = listenForward(client, { namespace, pod, port }, { onError: (error) => (cause = error) });
  const rpc = new RpcClient({
    connect: (handler) => connect({ ip: "127.0.0.1", port: forward.port, timeout: timeoutMs }, handler),
    authority: `${pod}.${namespace}:${port}`,
    keepalive: null,
  });
  try {
    return await use(rpc);
  } catch (error) {
    if (cause !== null)
      throw new MeshError("unavailable", `Could not reach port ${port} of pod "${namespace}/${pod}"`, { cause });
    throw error;
  } finally {
    rpc.close();
    forward.close();
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
