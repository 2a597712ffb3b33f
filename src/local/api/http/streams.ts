/** Pod subresources that stream: log, exec, portforward. */
import { StatusError } from "../status-error.ts";
import type { ObjectRequest } from "./objects.ts";

export const streamSubresources: ReadonlySet<string> = new Set(["log", "exec", "portforward"]);

/** What a WebSocket connection does once it is open. */
export interface SocketSession {
  open(socket: SessionSocket): void;
  message(data: Uint8Array): void;
  drain(): void;
  close(): void;
}

/** The server's side of a WebSocket. */
export interface SessionSocket {
  /** @returns false when too much waits to be sent. */
  send(data: Uint8Array): boolean;
  close(code: number, reason: string): void;
}

/** Turns the request into a WebSocket with this subprotocol; false when the request isn't a handshake. */
export type Upgrade = (protocol: string, session: SocketSession) => boolean;

export async function serveStream(work: ObjectRequest, _upgrade: Upgrade): Promise<Response | undefined> {
  if (work.parts.executor() === null) throw new StatusError("ServiceUnavailable", "No node serves pods yet");
  throw new StatusError("NotImplemented", "not yet");
}
