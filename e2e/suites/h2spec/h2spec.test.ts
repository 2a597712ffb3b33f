/** h2spec, an outside suite for RFC 9113 and RFC 7541, against the proxies of both sides. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { appPorts, server, startPair, type Pair } from "../pair.ts";
import { suiteProgram } from "../programs.ts";

const [port] = appPorts;
let pair: Pair;
let h2spec: string;
beforeAll(async () => {
  const app = await suiteProgram("suite-app");
  h2spec = await suiteProgram("h2spec");
  pair = await startPair();
  await pair.inServer("application", [app, "serve", `0.0.0.0:${port}`], port);
});
afterAll(() => pair.stop());

for (const [side, ip] of [
  ["inbound", server.bareIp],
  ["outbound", server.ip],
] as const) {
  test(`the ${side} proxy passes all 145 cases, also with more streams than it allows`, async () => {
    const { output, code } = await pair.runInClient([h2spec, "-h", ip, "-p", String(port), "-o", "4"], 60_000);
    const lines = output.split("\n");
    const wrong = lines.filter((line) => line.includes("×") || line.includes("skipped"));
    const details = output.slice(Math.max(0, output.indexOf("Failures:")));
    expect(
      wrong.map((line) => line.trim()),
      details,
    ).toEqual(["145 tests, 145 passed, 0 skipped, 0 failed"]);
    expect(lines.find((line) => line.includes("concurrent stream limit"))).toContain("✔");
    expect(code).toBe(0);
    console.log(`h2spec, ${side}: 145 of 145 passed`);
  });
}
