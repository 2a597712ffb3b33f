/** Who may: pure decisions on a client's address and its proven identity. */
import { containsIp } from "#lib/net-addr.ts";
import type { ClientTls } from "../inbound/ports.ts";
import type { Authorization, ClientMatch } from "./server-policy.ts";

/** A client as policy sees it. `ip`: 4 or 16 bytes. */
export interface Client {
  readonly ip: Uint8Array;
  readonly tls: ClientTls;
}

/** The first authorization that permits the client whatever it sends, or null. */
export function findAuthorization(client: Client, authorizations: readonly Authorization[]): Authorization | null {
  for (const authorization of authorizations)
    if (authorization.token === undefined && isFor(client, authorization)) return authorization;
  return null;
}

/** One that permits the client's requests with a token. */
export type TokenAuthorization = Authorization & Required<Pick<Authorization, "token">>;

/** All that would permit the client with a token. */
export function tokenAuthorizations(
  client: Client,
  authorizations: readonly Authorization[],
): readonly TokenAuthorization[] {
  return authorizations.filter(
    (authorization): authorization is TokenAuthorization =>
      authorization.token !== undefined && isFor(client, authorization),
  );
}

function isFor(client: Client, { networks, clients }: Authorization): boolean {
  const inNetwork = networks.some(
    ({ net, except }) => containsIp(net, client.ip) && !except.some((hole) => containsIp(hole, client.ip)),
  );
  return inNetwork && matchesClient(client.tls, clients);
}

/** Whether the policy is against this client by name, whatever permits it. */
export function isDenied(client: Client, { denials }: { readonly denials?: readonly Authorization[] }): boolean {
  return denials !== undefined && findAuthorization(client, denials) !== null;
}

function matchesClient(tls: ClientTls, clients: ClientMatch): boolean {
  if (clients.kind === "any") return true;
  // Only our own handshake proves anything; TLS that is passed through was verified by nobody here.
  if (clients.kind === "tls") return tls.kind === "meshed" || tls.kind === "anonymous";
  if (tls.kind !== "meshed") return false;
  if (clients.kind === "meshed") return true;
  const { clientId } = tls;
  if (clients.identities.has(clientId)) return true;
  // The end of a DNS name says who gave it; the end of a URI (SPIFFE) says nothing, its trust domain is at the start.
  return clients.suffixes.some(
    (suffix) => suffix === "" || (clientId.endsWith(`.${suffix}`) && !clientId.includes("/")),
  );
}
