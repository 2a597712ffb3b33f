/** WebSockets as the pod streams use them. */

/** The server's side of a WebSocket. */
export interface SessionSocket {
  /** @returns false when too much waits to be sent: stop until `drain`. */
  send(data: Uint8Array): boolean;
  close(code: number, reason: string): void;
}

/** What a connection does once it is open. No callback comes after `close`. */
export interface SocketSession {
  open(socket: SessionSocket): void;
  message(data: Uint8Array): void;
  drain(): void;
  close(): void;
}

/** Turns the request into a WebSocket with this subprotocol; false when the request isn't a handshake. */
export type Upgrade = (protocol: string, session: SocketSession) => boolean;

/** One channel's message: its number, then the bytes (channel.k8s.io). */
export function channelMessage(channel: number, data: Uint8Array): Uint8Array {
  const message = new Uint8Array(data.length + 1);
  message[0] = channel;
  message.set(data, 1);
  return message;
}
