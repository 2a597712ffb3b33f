/**
 * LINKERD2_PROXY_SOCKET_MARK in a real network namespace where everything runs as one user, as in a plain user's local
 * cluster: rules send every TCP connection to the proxy but the marked ones, so a proxy that forgot its mark, towards an
 * endpoint or towards the control plane, would get its own connections back.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { TestNamespace } from "#lib/testing/test-namespace.ts";

const ns = `proxy-mark-${process.pid}`;
const possible = process.getuid?.() === 0 && Bun.which("ip") !== null && Bun.which("nft") !== null;
const entry = new URL("../../cli/main.ts", import.meta.url).pathname;
const address = "10.99.0.1";
const mark = 0x539;
let pod: TestNamespace;

beforeAll(() => {
  if (!possible) return;
  pod = new TestNamespace(ns);
  pod.run("ip", "address", "add", `${address}/32`, "dev", "lo");
  const rules = [
    "add table ip nat",
    "add chain ip nat output { type nat hook output priority -100; }",
    `add rule ip nat output meta mark & 0xfff == ${mark} return`,
    `add rule ip nat output ip daddr ${address} tcp dport 1-65535 redirect to :4140`,
  ];
  pod.run("nft", rules.join("\n"));
});

afterAll(async () => {
  if (possible) await pod.remove();
});

test.skipIf(!possible)(
  "a marked proxy reaches endpoints and its control plane past the rules that capture all others",
  async () => {
    const servers = pod.start([
      process.execPath,
      "-e",
      `Bun.serve({ hostname: "${address}", port: 8080, fetch: () => new Response("app") });
     let asked = 0;
     Bun.listen({ hostname: "${address}", port: 8086, socket: { open() { asked++; }, data() {} } });
     Bun.serve({ hostname: "127.0.0.1", port: 9000, fetch: () => new Response(String(asked)) });
     console.log("serving");`,
    ]);
    await servers.out.until("serving");
    const settings = {
      SOCKET_MARK: String(mark),
      OUTBOUND_LISTEN_ADDR: "127.0.0.1:4140",
      DESTINATION_SVC_ADDR: `${address}:8086`,
      DESTINATION_PROFILE_INITIAL_TIMEOUT: "100ms",
    };
    const env = Object.fromEntries(Object.entries(settings).map(([key, value]) => [`LINKERD2_PROXY_${key}`, value]));
    const proxy = pod.start([process.execPath, entry, "proxy"], env);
    await proxy.err.until("Proxy started");

    expect(await pod.script(`console.log(await (await fetch("http://${address}:8080/")).text());`)).toBe("app");
    expect(
      Number(await pod.script(`console.log(await (await fetch("http://127.0.0.1:9000/")).text());`)),
    ).toBeGreaterThan(0);
    // One connection came in, the application's: none of the proxy's own did.
    const metrics = await pod.script(`console.log(await (await fetch("http://127.0.0.1:4191/metrics")).text());`);
    const accepted = metrics.split("\n").filter((line) => /^tcp_open_total\{.*peer="src"/.test(line));
    expect(accepted).toEqual([expect.stringContaining(`target_addr="${address}:8080"`)]);
    expect(accepted[0]).toEndWith(" 1");
  },
  20_000,
);
