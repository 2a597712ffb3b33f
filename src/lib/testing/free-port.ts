/** Ports for programs that have to be told theirs. */
import { readFileSync } from "node:fs";
import { MeshError } from "../errors.ts";
import { listen } from "../net/listen.ts";

/**
 * A port of the address where nobody listens. It is below those that the kernel gives away by itself (ip_local_port_range,
 * ip(7)), so that hardly anything takes it before it is used.
 */
export function freePort(ip = "127.0.0.1"): number {
  const [given = "32768"] = readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8").split(/\s/);
  const [first, end] = [10_000, Math.max(20_000, Number(given))];
  for (let tries = 0; ; tries++) {
    const port = first + Math.floor(Math.random() * (end - first));
    try {
      listen({ ip, port }, (socket) => socket.terminate()).close();
      return port;
    } catch (error) {
      if (!(error instanceof MeshError && error.code === "address-in-use") || tries === 100) throw error;
    }
  }
}
