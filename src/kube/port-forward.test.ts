import { afterEach, describe, expect, test } from "bun:test";
import { fixedCredentials } from "./access.ts";
import { KubeClient } from "./client.ts";
import { failure } from "./testing/fake-api.ts";
import { listenForward } from "./port-forward.ts";

const cleanups: Array<() => unknown> = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

/** An API server whose pod "echo" answers in capitals and whose pod "down" has nothing listening. */
function startServer(): { url: string; paths: string[] } {
  const paths: string[] = [];
  const server = Bun.serve<{ pod: string }>({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request, self) {
      const url = new URL(request.url);
      paths.push(`${url.pathname}${url.search} ${request.headers.get("authorization") ?? ""}`);
      const pod = url.pathname.split("/")[6] ?? "";
      if (!url.pathname.endsWith("/portforward")) {
        if (pod === "missing") return failure(404, "NotFound", 'pods "missing" not found');
        const phase = pod === "pending" ? "Pending" : "Running";
        return Response.json({ metadata: { name: pod }, spec: { containers: [] }, status: { phase } });
      }
      if (pod === "forbidden") return failure(403, "Forbidden", "pods/portforward is forbidden");
      if (pod === "missing" || pod === "pending") return new Response("no", { status: 404 });
      const headers = { "sec-websocket-protocol": "v4.channel.k8s.io" };
      return self.upgrade(request, { data: { pod }, headers })
        ? undefined
        : new Response("no upgrade", { status: 400 });
    },
    websocket: {
      open(socket) {
        socket.send(Buffer.from([0, 0x90, 0x1f]));
        socket.send(Buffer.from([1, 0x90, 0x1f]));
        if (socket.data.pod === "down") socket.send(Buffer.from("\u0001connection refused"));
      },
      message(socket, message) {
        const text = Buffer.from(message as Buffer)
          .subarray(1)
          .toString();
        socket.send(Buffer.from(`\u0000${text.toUpperCase()}`));
        if (text.includes("bye")) socket.close(1000);
      },
    },
  });
  cleanups.push(() => server.stop(true));
  return { url: `http://127.0.0.1:${server.port}`, paths };
}

function clientFor(server: string): KubeClient {
  return new KubeClient({
    server,
    insecureSkipTlsVerify: false,
    credentials: fixedCredentials({ token: "t" }),
    namespace: "default",
    context: null,
  });
}

async function talk(port: number, text: string): Promise<string> {
  let got = "";
  const closed = Promise.withResolvers<string>();
  await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      open: (socket) => void socket.write(text),
      data: (_socket, chunk) => void (got += chunk.toString()),
      close: () => closed.resolve(got),
      error: () => closed.resolve(got),
    },
  });
  return await closed.promise;
}

describe("listenForward", () => {
  test("carries bytes both ways and ends with the pod's side", async () => {
    const server = startServer();
    const forward = listenForward(clientFor(server.url), { namespace: "web", pod: "echo", port: 8080 });
    cleanups.push(() => forward.close());
    expect(await talk(forward.port, "hello, bye")).toBe("HELLO, BYE");
    expect(server.paths).toEqual(["/api/v1/namespaces/web/pods/echo/portforward?ports=8080 Bearer t"]);
  });

  test("says when the API server itself is away", async () => {
    const closed = Promise.withResolvers<string>();
    const forward = listenForward(
      clientFor("http://127.0.0.1:9"),
      { namespace: "web", pod: "echo", port: 1 },
      { onError: (error) => closed.resolve(error.message) },
    );
    cleanups.push(() => forward.close());
    await talk(forward.port, "hello");
    expect(await closed.promise).toContain('the API server at "http://127.0.0.1:9" refused the connection');
  });

  test.each([
    ["down", "connection refused"],
    ["missing", 'pods "missing" not found'],
    ["forbidden", "pods/portforward is forbidden"],
    ["pending", "the pod is not running, it is Pending"],
  ])("says why pod %s can't be reached", async (pod, message) => {
    const errors: string[] = [];
    const forward = listenForward(
      clientFor(startServer().url),
      { namespace: "web", pod, port: 8080 },
      { onError: (error) => errors.push(error.message) },
    );
    cleanups.push(() => forward.close());
    await talk(forward.port, "hello");
    expect(errors.length).toBe(1);
    expect(errors[0]).toContain(`Failed to forward port 8080 of Pod "${pod}" in namespace "web"`);
    expect(errors[0]).toContain(message);
  });
});
