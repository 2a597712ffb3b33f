import { describe, expect, test } from "bun:test";
import { create } from "#rpc/protobuf/create.ts";
import { ServerSchema } from "#rpc/gen/inbound_pb.ts";
import { judgeInbound } from "../explain.ts";
import { serverPolicy } from "../discovery/server-policy-message.ts";
import { parseIp } from "#lib/net-addr.ts";
import { requestOf } from "../explain.ts";
import { isDenied } from "./authorize.ts";

type ServerInit = Parameters<typeof create<typeof ServerSchema>>[1];
type AuthzInit = NonNullable<NonNullable<ServerInit>["authorizations"]>[number];

const everywhere = [{ net: { ip: { ip: { case: "ipv4", value: 0 } }, prefixLen: 0 } }] as const;
const anybody: AuthzInit = {
  networks: [...everywhere],
  authentication: { permit: { case: "unauthenticated", value: {} } },
};
const bots: AuthzInit = {
  networks: [...everywhere],
  authentication: {
    permit: { case: "meshTLS", value: { clients: { case: "identities", value: { identities: [{ name: "bot" }] } } } },
  },
};
const http1 = { kind: { case: "http1", value: {} } } as const;
const message = (denials: AuthzInit[]) => create(ServerSchema, { protocol: http1, authorizations: [anybody], denials });

const denied = (denials: AuthzInit[], clientId: string | null): boolean => {
  const ip = parseIp("10.0.0.1") ?? new Uint8Array();
  const tls =
    clientId === null
      ? ({ kind: "none", reason: "no_tls_from_remote" } as const)
      : ({ kind: "meshed", clientId } as const);
  return isDenied({ ip, tls }, serverPolicy(message(denials), 1000));
};

describe("A denial", () => {
  test("is about whom it names, and wins over what permits everybody", () => {
    expect([denied([bots], "bot"), denied([bots], "web"), denied([bots], null), denied([], "bot")]).toEqual([
      true,
      false,
      false,
      false,
    ]);
    const head = requestOf({ method: "GET", path: "/", host: "a", headers: [] });
    const judged = (identity: string) => judgeInbound(message([bots]), { ip: "10.0.0.1", identity }, head, 0).refused;
    expect(judged("web")).toBeNull();
    expect(judged("bot")).toContain("is against this client (403)");
  });

  test.each<[string, AuthzInit]>([
    ["without clients", { networks: [...everywhere] }],
    ["with a network that is none", { ...bots, networks: [{ net: { prefixLen: 99 } }] }],
    ["with an exception that is none", { ...bots, networks: [{ ...everywhere[0], except: [{ prefixLen: 99 }] }] }],
  ])("%s is about everybody", (_name, denial) => {
    expect([denied([denial], "web"), denied([denial], null)]).toEqual([true, true]);
  });
});
