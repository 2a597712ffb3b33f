import type { Clock } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import { connect } from "#lib/net/connect.ts";
import { Resolver } from "#lib/net/resolve.ts";
import type { Random } from "#lib/random.ts";
import { RpcClient } from "#rpc/client.ts";

/** ms until there must be a connection. */
const connectTimeout = 2000;

/** A client of one of the identity program's replicas. The connection is plain: the proxy of this pod puts mutual TLS around it. */
export async function identityClient(
  { host, port }: { readonly host: string; readonly port: number },
  { clock, random }: { readonly clock: Clock; readonly random: Random },
  keepalive: { readonly interval: number; readonly timeout: number } | null = null,
): Promise<RpcClient> {
  const { addrs } = await new Resolver({ clock, timeout: connectTimeout }).resolve(host, port);
  const addr = addrs[Math.floor(random.next() * addrs.length)];
  if (addr === undefined) throw new MeshError("dns", `"${host}" has no address`);
  return new RpcClient({
    connect: (handler) => connect({ ...addr, timeout: connectTimeout }, handler),
    authority: `${host.replace(/\.$/, "")}:${port}`,
    clock,
    keepalive,
  });
}
