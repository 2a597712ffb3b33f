import { afterEach, expect, test } from "bun:test";
import { systemClock } from "#lib/clock.ts";
import { memoryLog } from "#lib/log.ts";
import { Registry } from "#lib/metrics/registry.ts";
import { until } from "#lib/watchable.ts";
import { KubeClient } from "#kube/client.ts";
import { failure, FakeApi } from "#kube/testing/fake-api.ts";
import { ClusterIndex } from "./index/cluster-index.ts";
import { indexSources, policySources, startWatches, type Watches } from "./watches.ts";

const ends: Array<() => unknown> = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

/** Watches of the policy program where lists of one kind get this answer. */
function world(plural: string, answer: () => Response) {
  const api = new FakeApi();
  ends.push(() => api.stop());
  let counted = 0;
  let refusing = true;
  api.intercept = (request) => {
    if (!refusing || !new URL(request.url).pathname.endsWith(`/${plural}`)) return null;
    counted++;
    return answer();
  };
  const { log, lines } = memoryLog();
  const index = new ClusterIndex((run) => run(), log);
  const deps = { clock: systemClock, random: { next: () => 0 }, log };
  const sources = [...indexSources(index), ...policySources(index)];
  const watches: Watches = startWatches(new KubeClient(api.access), sources, new Registry(), deps);
  ends.push(() => watches.stop());
  return { watches, lines, asked: () => counted, allow: () => void (refusing = false) };
}
const forbidden = (): Response => failure(403, "Forbidden", "not for you");
const absent = (): Response => failure(404, "NotFound", "no such kind");

test.each(["servers", "httproutes", "grpcroutes", "egressnetworks"])(
  "nothing is served while %s may not be read: what they forbid would be open",
  async (plural) => {
    const { watches, lines, asked, allow } = world(plural, forbidden);
    const warning = `WARN linkerd: Watch on ${plural}`;
    while (asked() < 2 || !lines.join("").includes(warning)) await Bun.sleep(5);
    await Bun.sleep(50);
    expect(watches.ready.get()).toBe(false);
    expect(lines.join("")).toContain(warning);
    allow();
    await until(watches.ready, Boolean);
  },
);

test.each([
  ["servers", absent],
  ["grpcroutes", absent],
  ["authorizationpolicies", forbidden],
  ["namespaces", forbidden],
] as const)("where there are no %s it goes without", async (plural, answer) => {
  const { watches } = world(plural, answer);
  await until(watches.ready, Boolean);
});
