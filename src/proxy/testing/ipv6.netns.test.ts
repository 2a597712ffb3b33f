/**
 * IPv6 and dual stack with the real rules: two network namespaces as pods, each with a proxy as its own user and the
 * rules of `linkerd proxy-init`. A request is captured on its way out and on its way in, over either family.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Output, sh, TestNamespace } from "#lib/testing/test-namespace.ts";

const root = process.getuid?.() === 0;
const possible = root && ["ip", "nft", "setpriv"].every((tool) => Bun.which(tool) !== null);
const entry = new URL("../../cli/main.ts", import.meta.url).pathname;

interface Pod {
  readonly net: TestNamespace;
  readonly v4: string;
  readonly v6: string;
  readonly end: string;
}
let client: Pod;
let server: Pod;

let output: Output | null = null;

/** Nothing of TCP arrives from elsewhere. */
const silence = `table inet silence {
  chain prerouting { type filter hook prerouting priority -400; iifname != "lo" meta l4proto tcp drop; }
}`;

/** As the injector sets them where IPv6 is on; nobody answers for the control plane. */
const settings = {
  INBOUND_LISTEN_ADDR: "[::]:4143",
  OUTBOUND_LISTEN_ADDRS: "127.0.0.1:4140,[::1]:4140",
  ADMIN_LISTEN_ADDR: "[::]:4191",
  DESTINATION_SVC_ADDR: "127.0.0.1:1",
  DESTINATION_PROFILE_INITIAL_TIMEOUT: "50ms",
  // Linkerd's 10 s and 30 s, shorter so that a test can wait for them.
  OUTBOUND_CONNECT_KEEPALIVE: "1s",
  OUTBOUND_CONNECT_USER_TIMEOUT: "2s",
  INBOUND_ACCEPT_KEEPALIVE: "1s",
  INBOUND_ACCEPT_USER_TIMEOUT: "2s",
};

beforeAll(async () => {
  if (!possible) return;
  const net = (side: "c" | "s"): TestNamespace => new TestNamespace(`proxy6-${side}-${process.pid}`);
  client = { net: net("c"), v4: "10.98.0.1", v6: "fd00:98::1", end: `p6c${process.pid}` };
  server = { net: net("s"), v4: "10.98.0.2", v6: "fd00:98::2", end: `p6s${process.pid}` };
  sh([
    "ip",
    "link",
    "add",
    client.end,
    "netns",
    client.net.name,
    "type",
    "veth",
    "peer",
    "name",
    server.end,
    "netns",
    server.net.name,
  ]);
  for (const pod of [client, server]) {
    pod.net.run("ip", "address", "add", `${pod.v4}/24`, "dev", pod.end);
    pod.net.run("ip", "address", "add", `${pod.v6}/64`, "dev", pod.end, "nodad");
    pod.net.run("ip", "link", "set", pod.end, "up");
    const flags = ["--incoming-proxy-port", "4143", "--outgoing-proxy-port", "4140", "--proxy-uid", "2102"];
    const init = [process.execPath, entry, "proxy-init", ...flags, "--inbound-ports-to-ignore", "4190,4191", "--ipv6"];
    pod.net.run(...init);
    const env = Object.fromEntries(Object.entries(settings).map(([key, value]) => [`LINKERD2_PROXY_${key}`, value]));
    const ips = { LINKERD2_PROXY_INBOUND_IPS: `${pod.v4},FD00:98:0::${pod === client ? 1 : 2}` };
    const user = ["setpriv", "--reuid=2102", "--regid=2102", "--clear-groups"];
    const proxy = pod.net.start([...user, process.execPath, entry, "proxy"], { ...env, ...ips, HOME: "/tmp" });
    await proxy.err.until("Proxy started");
  }
  const app = server.net.start([
    process.execPath,
    "-e",
    `Bun.serve({ hostname: "::", port: 8080, fetch: (request, server) => new Response(server.requestIP(request).address) });
     Bun.listen({ hostname: "::", port: 3307, socket: {
       open(socket) { socket.write("220 ready"); }, data() {}, end() {}, close() { console.log("client gone"); } } });
     console.log("serving");`,
  ]);
  output = app.out;
  await output.until("serving");
}, 30_000);

afterAll(async () => {
  if (possible) for (const pod of [client, server]) await pod.net.remove();
});

const metricsOf = async (pod: Pod): Promise<string[]> =>
  (await pod.net.script(`console.log(await (await fetch("http://[::1]:4191/metrics")).text());`)).split("\n");

test.skipIf(!possible)(
  "requests are captured on both sides over either family, and metrics name the address with brackets",
  async () => {
    const get = (host: string): string => `console.log(await (await fetch("http://${host}:8080/")).text());`;
    // The application hears from its own proxy, over the family that the client used.
    expect(await client.net.script(get(`[${server.v6}]`))).toBe("::1");
    expect(await client.net.script(get(server.v4))).toBe("::ffff:127.0.0.1");
    for (const pod of [client, server]) {
      const opened = (await metricsOf(pod)).filter((line) => /^tcp_open_total\{.*peer="src"/.test(line));
      const direction = pod === client ? "outbound" : "inbound";
      for (const addr of [`[${server.v6}]:8080`, `${server.v4}:8080`]) {
        const found = opened.filter((line) => line.includes(`target_addr="${addr}"`));
        expect(found).toEqual([expect.stringContaining(`direction="${direction}"`)]);
        expect(found[0]).toEndWith(" 1");
      }
      expect((await metricsOf(pod)).filter((line) => line.startsWith("request_total")).length).toBe(2);
    }
  },
  20_000,
);

test.skipIf(!possible)(
  "a server that speaks first is heard over IPv6, and nobody reaches the proxy of another pod by its own port",
  async () => {
    const hear = (port: number): string =>
      `Bun.connect({ hostname: "${server.v6}", port: ${port}, socket: {
         data(socket, data) { console.log(data.toString()); process.exit(0); }, close() { console.log("closed"); process.exit(0); } } });`;
    expect(await client.net.script(hear(3307))).toBe("220 ready");
    // To its outbound port: listens on the loopback address only. To its inbound port: only with the mesh's TLS.
    expect(await client.net.script(hear(4140))).toBe("closed");
  },
  20_000,
);

test.skipIf(!possible)(
  "a peer that is gone without a word is found on both sides by the kernel's timeouts, on a silent connection too",
  async () => {
    await output?.until("client gone");
    const silent = client.net.start([
      process.execPath,
      "-e",
      `Bun.connect({ hostname: "${server.v6}", port: 3307, socket: {
         data() { console.log("open"); }, close() { console.log("cut"); process.exit(0); } } });`,
    ]);
    const heard = silent.out;
    await heard.until("open");
    // Not by taking the link down: unreachable neighbours and routes would be told as errors of their own.
    for (const pod of [client, server]) pod.net.run("nft", silence);
    const before = performance.now();
    await Promise.all([heard.until("cut"), output?.until("client gone")]);
    expect(performance.now() - before).toBeLessThan(8_000);
    for (const [pod, peer] of [
      [client, "dst"],
      [server, "src"],
    ] as const) {
      const closed = (await metricsOf(pod)).filter((line) => line.startsWith("tcp_close_total{"));
      expect(closed.filter((line) => line.includes(`peer="${peer}"`) && line.includes("ETIMEDOUT"))).not.toEqual([]);
    }
  },
  20_000,
);
