/** What choosing an endpoint costs a request. `sh scripts/bun bench/micro/p2c.bench.ts` */
import { systemClock } from "#lib/clock.ts";
import { systemRandom } from "#lib/random.ts";
import { hashOf, type Affinity } from "#proxy/balance/affinity.ts";
import { P2cBalancer } from "#proxy/balance/balancer.ts";
import { plainBalancing, type Balancing } from "#proxy/balance/balancing.ts";

const header: Affinity = { kind: "header", name: "x-user" };
const cases: ReadonlyArray<readonly [what: string, size: number, how: Partial<Balancing>, key?: number]> = [
  ["1 endpoint", 1, {}],
  ["2 endpoints", 2, {}],
  ["10 endpoints", 10, {}],
  ["1000 endpoints", 1000, {}],
  ["10 endpoints, half of them near", 10, { zone: 0.7 }],
  ["10 endpoints by a header's hash", 10, { affinity: header }, hashOf("user-1")],
  ["100 endpoints by a header's hash", 100, { affinity: header }, hashOf("user-1")],
];

for (const [what, size, how, key] of cases) {
  const balancer = new P2cBalancer({
    clock: systemClock,
    random: systemRandom,
    balancing: { ...plainBalancing, ...how },
    connectBackoff: { min: 100, max: 1000, jitter: 0 },
    queueCapacity: 100,
    failfastTimeout: 3000,
    transport: () => ({ readBytes: 0, writtenBytes: 0, opened() {}, closed() {} }),
  });
  balancer.update(
    Array.from({ length: size }, (_, i) => ({
      addr: { ip: `10.0.${i >> 8}.${i & 255}`, port: 80 },
      tls: null,
      transportPort: null,
      authorityOverride: null,
      weight: 10_000,
      labels: { zone_locality: i % 2 === 0 ? "local" : "remote" },
    })),
  );
  const request = (i: number): void => {
    const endpoint = balancer.pick(key);
    if (endpoint === null) throw new Error("No endpoint");
    endpoint.started();
    endpoint.responded(i & 15, 200);
    endpoint.ended(false);
  };
  for (let i = 0; i < 100_000; i++) request(i);
  const start = Bun.nanoseconds();
  const rounds = 2_000_000;
  for (let i = 0; i < rounds; i++) request(i);
  console.log(`${what}: ${((Bun.nanoseconds() - start) / rounds).toFixed(0)} ns per request`);
}
