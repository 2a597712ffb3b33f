/**
 * IPv6 and dual stack with the real rules: two network namespaces as pods, each with a proxy as its own user and the
 * rules of `linkerd proxy-init`. A request is captured on its way out and on its way in, over either family.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";

const root = process.getuid?.() === 0;
const possible = root && ["ip", "nft", "setpriv"].every((tool) => Bun.which(tool) !== null);
const entry = new URL("../../cli/main.ts", import.meta.url).pathname;
const pods = {
  client: { ns: `proxy6-c-${process.pid}`, v4: "10.98.0.1", v6: "fd00:98::1", end: `p6c${process.pid}` },
  server: { ns: `proxy6-s-${process.pid}`, v4: "10.98.0.2", v6: "fd00:98::2", end: `p6s${process.pid}` },
};
type Pod = (typeof pods)[keyof typeof pods];
const children: Bun.Subprocess[] = [];

function run(...argv: string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync(argv);
  if (exitCode !== 0) throw new Error(`${argv.join(" ")}: ${stderr.toString()}`);
  return stdout.toString();
}

const inside = ({ ns }: Pod, ...argv: string[]): string[] => ["ip", "netns", "exec", ns, ...argv];

function start(pod: Pod, argv: string[], env: Record<string, string> = {}) {
  const child = Bun.spawn(inside(pod, ...argv), {
    env: { PATH: process.env["PATH"], ...env },
    stdout: "pipe",
    stderr: "pipe",
  });
  children.push(child);
  return child;
}

async function script(pod: Pod, code: string): Promise<string> {
  const child = start(pod, [process.execPath, "-e", code]);
  const [text, errors] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  if ((await child.exited) !== 0) throw new Error(errors);
  return text.trim();
}

/** What a process says, from one word to the next. */
class Output {
  private readonly reader: { read(): Promise<{ readonly value?: Uint8Array | undefined; readonly done: boolean }> };
  private seen = "";

  constructor(stream: ReadableStream<Uint8Array>) {
    this.reader = stream.getReader();
  }

  async until(text: string): Promise<void> {
    while (!this.seen.includes(text)) {
      const { value, done } = await this.reader.read();
      if (done || value === undefined) throw new Error(`The process ended without "${text}":\n${this.seen}`);
      this.seen += Buffer.from(value).toString();
    }
    this.seen = this.seen.slice(this.seen.indexOf(text) + text.length);
  }
}

let output: Output | null = null;

async function waitFor(stream: ReadableStream<Uint8Array>, text: string): Promise<string> {
  let seen = "";
  for await (const chunk of stream) {
    seen += Buffer.from(chunk).toString();
    if (seen.includes(text)) return seen;
  }
  throw new Error(`The process ended without "${text}":\n${seen}`);
}

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
  const { client, server } = pods;
  for (const { ns } of [client, server]) run("ip", "netns", "add", ns);
  run(
    "ip",
    "link",
    "add",
    client.end,
    "netns",
    client.ns,
    "type",
    "veth",
    "peer",
    "name",
    server.end,
    "netns",
    server.ns,
  );
  for (const pod of [client, server]) {
    run(...inside(pod, "ip", "link", "set", "lo", "up"));
    run(...inside(pod, "ip", "address", "add", `${pod.v4}/24`, "dev", pod.end));
    run(...inside(pod, "ip", "address", "add", `${pod.v6}/64`, "dev", pod.end, "nodad"));
    run(...inside(pod, "ip", "link", "set", pod.end, "up"));
    const flags = ["--incoming-proxy-port", "4143", "--outgoing-proxy-port", "4140", "--proxy-uid", "2102"];
    const init = [process.execPath, entry, "proxy-init", ...flags, "--inbound-ports-to-ignore", "4190,4191", "--ipv6"];
    run(...inside(pod, ...init));
    const env = Object.fromEntries(Object.entries(settings).map(([key, value]) => [`LINKERD2_PROXY_${key}`, value]));
    const ips = { LINKERD2_PROXY_INBOUND_IPS: `${pod.v4},FD00:98:0::${pod === client ? 1 : 2}` };
    const user = ["setpriv", "--reuid=2102", "--regid=2102", "--clear-groups"];
    const proxy = start(pod, [...user, process.execPath, entry, "proxy"], { ...env, ...ips, HOME: "/tmp" });
    await waitFor(proxy.stderr, "Proxy started");
  }
  const app = start(server, [
    process.execPath,
    "-e",
    `Bun.serve({ hostname: "::", port: 8080, fetch: (request, server) => new Response(server.requestIP(request).address) });
     Bun.listen({ hostname: "::", port: 3307, socket: {
       open(socket) { socket.write("220 ready"); }, data() {}, end() {}, close() { console.log("client gone"); } } });
     console.log("serving");`,
  ]);
  output = new Output(app.stdout);
  await output.until("serving");
}, 30_000);

afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  await Promise.all(children.map((child) => child.exited));
  if (possible) for (const { ns } of [pods.client, pods.server]) run("ip", "netns", "del", ns);
});

const metricsOf = async (pod: Pod): Promise<string[]> =>
  (await script(pod, `console.log(await (await fetch("http://[::1]:4191/metrics")).text());`)).split("\n");

test.skipIf(!possible)(
  "requests are captured on both sides over either family, and metrics name the address with brackets",
  async () => {
    const { client, server } = pods;
    const get = (host: string): string => `console.log(await (await fetch("http://${host}:8080/")).text());`;
    // The application hears from its own proxy, over the family that the client used.
    expect(await script(client, get(`[${server.v6}]`))).toBe("::1");
    expect(await script(client, get(server.v4))).toBe("::ffff:127.0.0.1");
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
    const { client, server } = pods;
    const hear = (port: number): string =>
      `Bun.connect({ hostname: "${server.v6}", port: ${port}, socket: {
         data(socket, data) { console.log(data.toString()); process.exit(0); }, close() { console.log("closed"); process.exit(0); } } });`;
    expect(await script(client, hear(3307))).toBe("220 ready");
    // To its outbound port: listens on the loopback address only. To its inbound port: only with the mesh's TLS.
    expect(await script(client, hear(4140))).toBe("closed");
  },
  20_000,
);

test.skipIf(!possible)(
  "a peer that is gone without a word is found on both sides by the kernel's timeouts, on a silent connection too",
  async () => {
    const { client, server } = pods;
    await output?.until("client gone");
    const silent = start(client, [
      process.execPath,
      "-e",
      `Bun.connect({ hostname: "${server.v6}", port: 3307, socket: {
         data() { console.log("open"); }, close() { console.log("cut"); process.exit(0); } } });`,
    ]);
    const heard = new Output(silent.stdout);
    await heard.until("open");
    // Not by taking the link down: unreachable neighbours and routes would be told as errors of their own.
    for (const pod of [client, server]) run(...inside(pod, "nft", silence));
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
