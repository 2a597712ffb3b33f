/** What choosing an endpoint costs a request. `sh scripts/bun bench/micro/p2c.bench.ts` */
import { systemClock } from "#lib/clock.ts";
import { systemRandom } from "#lib/random.ts";
import { P2cBalancer } from "#proxy/balance/balancer.ts";

for (const size of [1, 2, 10, 1000]) {
  const balancer = new P2cBalancer({
    clock: systemClock,
    random: systemRandom,
    accrual: null,
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
      labels: {},
    })),
  );
  const request = (i: number): void => {
    const endpoint = balancer.pick();
    if (endpoint === null) throw new Error("No endpoint");
    endpoint.started();
    endpoint.responded(i & 15, 200);
    endpoint.ended(false);
  };
  for (let i = 0; i < 100_000; i++) request(i);
  const start = Bun.nanoseconds();
  const rounds = 2_000_000;
  for (let i = 0; i < rounds; i++) request(i);
  console.log(`${size} endpoints: ${((Bun.nanoseconds() - start) / rounds).toFixed(0)} ns per request`);
}
