/** gRPC's own interoperability tests through two proxies; interop.ts has the longer forms. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { cases, requestsOverTls, startInterop, type InteropPair } from "./interop.ts";

const rounds = 3;
let interop: InteropPair;
beforeAll(async () => {
  interop = await startInterop();
});
afterAll(() => interop.pair.stop());

for (const name of cases) {
  test(`${name} passes ${rounds} times`, async () => {
    for (let round = 0; round < rounds; round++) expect(await interop.run(name)).toBeNull();
  });
}

test("all of it went by mutual TLS", async () => {
  expect(await requestsOverTls(interop.pair)).toBeGreaterThan(rounds * cases.length);
});
