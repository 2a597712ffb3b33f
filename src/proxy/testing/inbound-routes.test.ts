/** What the policy of a port does with requests, through a whole proxy. */
import { expect, test } from "bun:test";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import type { MessageInitShape } from "#rpc/protobuf/types.ts";
import type { ServerSchema } from "#rpc/gen/inbound_pb.ts";
import { ipMessage } from "#rpc/address.ts";
import { eventually, makeBed } from "./bed.ts";
import type { TestProxy } from "./harness.ts";

const bed = makeBed();

const everybody = {
  networks: [{ net: { ip: ipMessage("127.0.0.0"), prefixLen: 8 } }],
  authentication: { permit: { case: "unauthenticated", value: {} } },
  labels: { group: "policy.linkerd.io", kind: "serverauthorization", name: "all" },
};

/** A proxy before an application that echoes its headers, with this policy. */
async function inbound(policy: MessageInitShape<typeof ServerSchema>, clock?: FakeClock): Promise<TestProxy> {
  const { port } = bed.app((request) => Response.json(Object.fromEntries(request.headers)));
  bed.control.setPolicy(port, policy);
  const proxy = await bed.proxy({
    inboundDst: { ip: "127.0.0.1", port },
    env: { INBOUND_PORTS: String(port) },
    ...(clock && { clock }),
  });
  await eventually(() => bed.control.calls.some((call) => call.includes(String(port))));
  await Bun.sleep(20);
  return proxy;
}

const statuses = async (proxy: TestProxy, paths: readonly string[]): Promise<number[]> => {
  const out: number[] = [];
  for (const path of paths) {
    const response = await fetch(`${proxy.inboundUrl}${path}`, { redirect: "manual" });
    await response.text();
    out.push(response.status);
  }
  return out;
};

test("requests over the limit get 429 with Retry-After, and are counted", async () => {
  const proxy = await inbound(
    {
      protocol: {
        kind: {
          case: "http1",
          value: {
            localRateLimit: {
              metadata: {
                kind: { case: "resource", value: { group: "policy.linkerd.io", kind: "l", name: "web-limit" } },
              },
              total: { requestsPerSecond: 3 },
            },
          },
        },
      },
      authorizations: [everybody] as never,
      labels: { group: "policy.linkerd.io", kind: "server", name: "web" },
    },
    /* No time passes that would allow more. */ new FakeClock(),
  );
  expect(await statuses(proxy, ["/", "/", "/"])).toEqual([200, 200, 200]);
  const refused = await fetch(proxy.inboundUrl);
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "1"]);
  const counted = proxy.series("inbound_http_local_ratelimit_total", 'ratelimit_name="web-limit"', 'srv_name="web"');
  expect(counted[0]).toContain('ratelimit_scope="total"');
  expect(counted[0]).toEndWith(" 1");
});

test("a route's filters change, redirect and refuse requests; paths that could be another's reach nobody", async () => {
  const path = (value: string) => [{ path: { kind: { case: "prefix", value } } }];
  const proxy = await inbound({
    protocol: {
      kind: {
        case: "http1",
        value: {
          routes: [
            {
              rules: [
                {
                  matches: path("/change"),
                  filters: [
                    {
                      kind: {
                        case: "requestHeaderModifier",
                        value: { set: { headers: [{ name: "X-Team", value: Buffer.from("blue") }] } },
                      },
                    },
                  ],
                },
                {
                  matches: path("/old"),
                  filters: [
                    {
                      kind: {
                        case: "redirect",
                        value: {
                          status: 301,
                          host: "new.example",
                          path: { replace: { case: "prefix", value: "/new" } },
                        },
                      },
                    },
                  ],
                },
                {
                  matches: path("/broken"),
                  filters: [{ kind: { case: "failureInjector", value: { status: 418, message: "No" } } }],
                },
              ],
            },
          ],
        },
      },
    } as never,
    authorizations: [everybody] as never,
    labels: { group: "policy.linkerd.io", kind: "server", name: "web" },
  });
  const changed = await fetch(`${proxy.inboundUrl}/change`, { headers: { "x-team": "red" } });
  expect(((await changed.json()) as Record<string, string>)["x-team"]).toBe("blue");
  const moved = await fetch(`${proxy.inboundUrl}/old/page`, { redirect: "manual", headers: { host: "web" } });
  expect([moved.status, moved.headers.get("location")]).toEqual([301, "http://new.example/new/page"]);
  expect(await statuses(proxy, ["/broken", "/unknown", "/old%2f..%2fbroken", "/x%2fy"])).toEqual([418, 404, 404, 404]);
});
