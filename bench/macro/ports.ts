/** Where each set-up of a contender listens, so that all of them run side by side and rounds can alternate. */

/**
 * What carries the traffic: a plaintext hop, or a pair with mutual TLS. `tcp` is a pair that passes bytes, `h2` and `grpc` are
 * pairs that speak HTTP/2 on both sides and between each other.
 */
export type Kind = "hop" | "pair" | "tcp" | "h2" | "grpc";

export interface Ports {
  /** On the client's side, where the application's connections are redirected to. */
  readonly outbound: number;
  /** On the server's side. */
  readonly inbound: number;
  readonly admin: number;
  readonly control: number;
}

/** Ports of the index-th set-up; 0 has those of a pod. */
export function portsOf(index: number): Ports {
  const base = index * 100;
  return { outbound: 4140 + base, inbound: 4143 + base, admin: 4191 + base, control: 8086 + base };
}
