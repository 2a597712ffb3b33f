/** Addresses of the cluster's fixed parts, and the pool that pods draw from. */
import { MeshError } from "#lib/errors.ts";

export const nodeIp = "10.244.0.1";
export const podNetwork = "10.244.0.0/16";
export const serviceNetwork = "10.96.0.0/12";
/** The Service "kubernetes" of the namespace "default". */
export const apiServiceIp = "10.96.0.1";
export const dnsIp = "10.96.0.10";
/** Where the API server listens inside the cluster. */
export const apiPort = 6443;
/** Next hop of every pod; it exists on the node's end of each pod's link. */
export const gatewayIp = "169.254.1.1";

const first = 2;
const last = 254 * 256 + 254;

function address(offset: number): string {
  return `10.244.${offset >> 8}.${offset & 255}`;
}

/** Hands out pod addresses in turn, so that one that was just freed is used again as late as possible. */
export class AddressPool {
  private next = first;
  private readonly used = new Set<string>();

  take(): string {
    for (let tries = 0; tries <= last - first; tries++) {
      const candidate = address(this.next);
      this.next = this.next >= last ? first : this.next + 1;
      // .0 and .255 are left out: people and some tools take them for network and broadcast.
      const low = Number(candidate.slice(candidate.lastIndexOf(".") + 1));
      if (low === 0 || low === 255 || this.used.has(candidate)) continue;
      this.used.add(candidate);
      return candidate;
    }
    throw new MeshError("resource-exhausted", `All addresses of ${podNetwork} are in use`);
  }

  release(ip: string): void {
    this.used.delete(ip);
  }
}
