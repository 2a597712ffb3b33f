import { expect, test } from "bun:test";
import { startEchoServer } from "./echo-server.ts";

const curl = Bun.which("curl");
const hasHttp2 = curl !== null && Bun.spawnSync([curl, "--version"]).stdout.toString().includes("HTTP2");

test.skipIf(!hasHttp2)("curl's HTTP/2 gets its body and its trailers back", async () => {
  const listener = startEchoServer(0);
  const run = async (...args: string[]): Promise<Buffer> => {
    const child = Bun.spawn([curl!, "-s", "--http2-prior-knowledge", "--max-time", "5", ...args], {
      stdin: new Blob([body]),
    });
    return Buffer.from(await new Response(child.stdout).arrayBuffer());
  };
  const body = Buffer.alloc(1_000_000, "0123456789abcdef");
  const url = `http://127.0.0.1:${listener.addr.port}`;
  try {
    expect((await run("--data-binary", "@-", url)).equals(body)).toBe(true);
    const answer = (await run("-i", `${url}/trailers`)).toString();
    expect(answer).toStartWith("HTTP/2 200");
    expect(answer).toContain("Hello over HTTP/2\n");
    expect(answer).toContain("x-end: yes");
  } finally {
    listener.close();
  }
});
