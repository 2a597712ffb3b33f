/** What the rules of a route cost a request. `sh scripts/bun bench/micro/route.bench.ts` */
import { systemClock } from "#lib/clock.ts";
import { systemRandom } from "#lib/random.ts";
import { affinityKey } from "#proxy/balance/affinity.ts";
import { draw, type Fault } from "#proxy/faults/fault.ts";
import { withOverrides } from "#proxy/outbound/request-overrides.ts";
import type { RouteExtras } from "#proxy/outbound/ports.ts";
import { RateLimiter } from "#proxy/policy/rate-limit.ts";
import { FilterChain } from "#proxy/route/filter.ts";
import { RouteFinder, type RequestMatch } from "#proxy/route/match.ts";
import { wholeText } from "#proxy/route/pattern.ts";
import { RetryBudget, defaultBudget } from "#proxy/route/retry-budget.ts";
import { Shares } from "#proxy/route/shares.ts";
import { parseRequestHead } from "#wire/http1/parse-request.ts";

function measure(what: string, request: () => unknown, rounds = 500_000): void {
  for (let i = 0; i < rounds / 10; i++) request();
  const start = Bun.nanoseconds();
  let kept: unknown;
  for (let i = 0; i < rounds; i++) kept = request();
  const each = (Bun.nanoseconds() - start) / rounds;
  console.log(`${what.padEnd(48)}${each.toFixed(0).padStart(6)} ns  (${typeof kept})`);
}

const route = (path: RequestMatch["path"]) => ({
  match: { hosts: [], requests: [{ path, method: null, headers: [], query: [] }] },
});
const head = parseRequestHead("GET /service-7/items?id=5 HTTP/1.1\r\nhost: web\r\naccept: */*\r\n");
const encoded = parseRequestHead("GET /service-7/a%2Fb HTTP/1.1\r\nhost: web\r\n");
const shared = parseRequestHead("GET /service-7/items HTTP/1.1\r\nhost: web\r\n");
shared.shared = true;

const ten = new RouteFinder(Array.from({ length: 10 }, (_, at) => route({ kind: "prefix", path: `/service-${at}` })));
measure("10 prefixes, a head seen before", () => ten.find(shared));
measure("10 prefixes, a new head", () => ten.find(head));
measure("10 prefixes, a path with %2F", () => ten.find(encoded), 50_000);
const pattern = new RouteFinder([route({ kind: "regex", pattern: wholeText("/service-[0-9]+/items") })]);
measure("1 pattern, a new head", () => pattern.find(head), 100_000);
const shares = new Shares([95, 5], systemRandom);
measure("2 weighted backends", () => shares.next());
const { match } = route({ kind: "prefix", path: "/" });
const changes = { set: ["x-a", "b"], add: [], remove: new Set<string>() };
const chain = new FilterChain([{ kind: "request-headers", changes }], match);
measure("a header filter, before the head is made", () => chain.apply(head, "http", systemRandom));
const limit = new RateLimiter(
  { origin: { group: "", kind: "", name: "" }, total: 1e9, identity: 1e9, overrides: [] },
  systemClock,
).of({ kind: "meshed", clientId: "web" });
measure("a rate limit, total and per identity", () => limit.refuses());
const budget = new RetryBudget(defaultBudget, systemClock);
measure("a retry budget, one request", () => budget.deposit());
const gate = [{ name: "x-test", value: { kind: "exact", value: "chaos" } as const }];
const fault: Fault = { headers: gate, ratio: 1, delay: 0, rate: 0, end: { kind: "reset" } };
measure("a fault behind a header that is not there", () => draw([fault], head, systemRandom));
measure("a fault for 0 % of the requests", () => draw([{ ...fault, headers: [], ratio: 0 }], head, systemRandom));
const extras = {} as RouteExtras;
measure("headers of the application, none there", () => withOverrides(extras, head));
const user = parseRequestHead(
  "GET / HTTP/1.1\r\nhost: web\r\nx-user: 4711\r\ncookie: a=1; session=0123456789abcdef\r\n",
);
measure("the key of a header", () => affinityKey({ kind: "header", name: "x-user" }, user, ""));
measure("the key of a cookie", () => affinityKey({ kind: "cookie", name: "session" }, user, ""));
