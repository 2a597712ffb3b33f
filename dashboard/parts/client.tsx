/** Who called, as its proxy proved it. */
import { serviceAccount } from "../identity.ts";
import { plainReason } from "./secured.tsx";

/** `client`: an identity, or the reason of proxies why there is none. */
export function Client({ client }: { client: string }) {
  const account = serviceAccount(client);
  if (account !== null) {
    return (
      <span title={client}>
        <span class="name">{account.name}</span>
        <span class="kind">ServiceAccount in {account.namespace}</span>
      </span>
    );
  }
  if (client.includes(".") || client.includes(":")) return <span class="identity">{client}</span>;
  return (
    <span title={plainReason(client)}>
      <span class="name">unauthenticated</span>
      <span class="kind">no mutual TLS</span>
    </span>
  );
}
