/**
 * Connections to a port of a pod through the API server, over a WebSocket with subprotocol v4.channel.k8s.io.
 *
 * Channel 0 carries data, channel 1 an error text; the first message of each repeats the port (two bytes, little endian).
 * One WebSocket is one connection.
 */
import { asMeshError, MeshError } from "#lib/errors.ts";
import { listen } from "#lib/net/listen.ts";
import type { Socket } from "#lib/net/socket.ts";
import { requestHeaders, tlsOptions, type KubeClient } from "./client.ts";
import { objectPath, resources } from "./resource.ts";
import type { Pod } from "./types/core.ts";

export interface PodPort {
  readonly namespace: string;
  readonly pod: string;
  readonly port: number;
}

export interface ForwardHandler {
  /** Bytes may be written. */
  onOpen(): void;
  onData(chunk: Buffer): void;
  /** Once; null for an orderly end. */
  onClose(error: MeshError | null): void;
}

export interface ForwardStream {
  write(data: Uint8Array): void;
  /** Bytes that the WebSocket has not sent yet. */
  readonly buffered: number;
  close(): void;
}

interface RuntimeWebSocketOptions {
  readonly headers: Record<string, string>;
  readonly protocols: string[];
  readonly tls?: unknown;
}

const subprotocol = "v4.channel.k8s.io";

/** Opens one connection to a pod's port. */
export async function openForward(
  client: KubeClient,
  target: PodPort,
  handler: ForwardHandler,
): Promise<ForwardStream> {
  const { access } = client;
  const credentials = await access.credentials.get();
  const path = forwardPath(target);
  const options: RuntimeWebSocketOptions = {
    headers: requestHeaders(access, credentials),
    protocols: [subprotocol],
    ...(access.server.startsWith("https:") ? { tls: tlsOptions(access, credentials) } : {}),
  };
  const action = `Failed to forward port ${target.port} of Pod "${target.pod}" in namespace "${target.namespace}"`;
  const url = `${access.server.replace(/^http/, "ws")}${path}?ports=${target.port}`;
  const socket = new WebSocket(url, options as unknown as string[]);
  socket.binaryType = "arraybuffer";
  let ended = false;
  let opened = false;
  const greeted = [false, false];
  const end = (error: MeshError | null): void => {
    if (ended) return;
    ended = true;
    socket.close();
    handler.onClose(error);
  };
  socket.addEventListener("open", () => {
    opened = true;
    handler.onOpen();
  });
  socket.addEventListener("message", (event: MessageEvent<unknown>) => {
    if (ended || !(event.data instanceof ArrayBuffer)) return;
    const message = Buffer.from(event.data);
    const channel = message[0] ?? 255;
    if (channel > 1) return;
    let payload = message.subarray(1);
    if (greeted[channel] === false) {
      greeted[channel] = true;
      payload = payload.subarray(2);
    }
    if (payload.length === 0) return;
    if (channel === 0) handler.onData(payload);
    else end(new MeshError("unavailable", `${action}: ${payload.toString("utf8").trim()}`));
  });
  let refused = false;
  const refuse = async (): Promise<void> => {
    if (refused) return;
    refused = true;
    // The runtime does not tell what the server answered to the handshake, so the pod is looked at.
    end(await whyRefused(client, target, action));
  };
  socket.addEventListener("error", () => {
    if (opened) end(new MeshError("unavailable", `${action}: the connection broke`));
    else void refuse();
  });
  socket.addEventListener("close", (event) => {
    if (!opened) {
      void refuse();
      return;
    }
    const orderly = event.code === 1000 || event.code === 1005 || event.code === 1001;
    end(orderly ? null : new MeshError("unavailable", `${action}: ${event.reason || "the connection broke"}`));
  });
  return {
    write(data) {
      const framed = Buffer.allocUnsafe(data.length + 1);
      framed[0] = 0;
      framed.set(data, 1);
      socket.send(framed);
    },
    get buffered() {
      return socket.bufferedAmount;
    },
    close() {
      if (ended) return;
      ended = true;
      socket.close();
    },
  };
}

function forwardPath(target: PodPort): string {
  return objectPath(resources.pods, target.pod, target.namespace, "portforward");
}

async function whyRefused(client: KubeClient, target: PodPort, action: string): Promise<MeshError> {
  try {
    const pod = await client.get<Pod>(resources.pods, target.pod, target.namespace);
    const phase = pod.status?.phase ?? "Pending";
    if (phase !== "Running") return new MeshError("unavailable", `${action}: the pod is not running, it is ${phase}`);
    // Without the handshake the same request is refused too, but one hears why.
    await client.json("GET", `${forwardPath(target)}?ports=${target.port}`, { action: "open the connection" });
    return new MeshError("unavailable", `${action}: the API server refused it`);
  } catch (thrown) {
    const error = asMeshError(thrown, "Reading the pod failed");
    return new MeshError(error.code, `${action}: ${error.message}`, { cause: error });
  }
}

export interface LocalForward {
  /** The local port. */
  readonly port: number;
  close(): void;
}

/** Bytes from the pod that the local side has not taken; more ends the connection, because a WebSocket can't be paused. */
const bufferLimit = 64 * 1024 * 1024;
const highWater = 1024 * 1024;

/** Listens on this machine and forwards every connection. `onError` gets what goes wrong with a single one. */
export function listenForward(
  client: KubeClient,
  target: PodPort,
  options: { readonly ip?: string; readonly port?: number; readonly onError?: (error: MeshError) => void } = {},
): LocalForward {
  const open = new Set<Socket>();
  const listener = listen({ ip: options.ip ?? "127.0.0.1", port: options.port ?? 0 }, (socket) => {
    open.add(socket);
    bridge(client, target, socket, (error) => {
      open.delete(socket);
      if (error !== null) options.onError?.(error);
    });
  });
  return {
    port: listener.addr.port,
    close() {
      listener.close();
      for (const socket of open) socket.terminate();
    },
  };
}

function bridge(client: KubeClient, target: PodPort, socket: Socket, done: (error: MeshError | null) => void): void {
  let stream: ForwardStream | null = null;
  let early: Buffer[] = [];
  const waiting: Buffer[] = [];
  let waitingBytes = 0;
  let podEnded = false;
  let failure: MeshError | null = null;

  const flush = (): void => {
    for (let chunk = waiting[0]; chunk !== undefined; chunk = waiting[0]) {
      const taken = socket.write(chunk, 0, chunk.length);
      if (taken < 0) return;
      waitingBytes -= taken;
      if (taken < chunk.length) {
        waiting[0] = chunk.subarray(taken);
        return;
      }
      waiting.shift();
    }
    if (podEnded) socket.close();
  };
  const relieve = (): void => {
    // The WebSocket tells nothing when it has sent: look again shortly.
    if (socket.closed) return;
    if ((stream?.buffered ?? 0) > highWater) setTimeout(relieve, 5);
    else socket.resume();
  };
  socket.handler = {
    onData(_socket, chunk) {
      if (stream === null) {
        early.push(chunk);
        socket.pause();
        return;
      }
      stream.write(chunk);
      if (stream.buffered > highWater) {
        socket.pause();
        relieve();
      }
    },
    onDrain: flush,
    // The subprotocol knows no half-close: the end of our side is the end.
    onEnd: () => socket.close(),
    onClose: () => {
      stream?.close();
      done(failure);
    },
  };
  let pending: ForwardStream | null = null;
  const handler: ForwardHandler = {
    onOpen() {
      stream = pending;
      for (const chunk of early) stream?.write(chunk);
      early = [];
      socket.resume();
    },
    onData(chunk) {
      waiting.push(chunk);
      waitingBytes += chunk.length;
      if (waitingBytes > bufferLimit) socket.terminate();
      else flush();
    },
    onClose(error) {
      failure = error;
      podEnded = true;
      if (error === null) flush();
      else socket.terminate();
    },
  };
  openForward(client, target, handler).then(
    (opened) => {
      pending = opened;
      if (socket.closed) opened.close();
    },
    (thrown: unknown) => {
      failure =
        thrown instanceof MeshError ? thrown : new MeshError("unavailable", "Forwarding failed", { cause: thrown });
      socket.terminate();
    },
  );
}
