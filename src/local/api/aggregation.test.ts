import { afterEach, expect, test } from "bun:test";
import https from "node:https";
import type { IncomingMessage } from "node:http";
import { encodePem } from "#lib/x509/pem.ts";
import { createLeaf, createRoot, validFor } from "#lib/x509/sign.ts";
import { testCredentials } from "./testing/credentials.ts";
import { createServer } from "./testing/server.ts";

const ends: Array<() => unknown> = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

const validity = validFor(Date.now(), 3600_000, 60_000);
const root = createRoot("front", validity);
const leaf = createLeaf(root, ["front-proxy-client"], validity);
const frontProxy = {
  caPem: encodePem("CERTIFICATE", root.certificate.der),
  certPem: encodePem("CERTIFICATE", leaf.certificate.der),
  keyPem: leaf.key.privateKeyPem,
};
const apiServices = { group: "apiregistration.k8s.io", version: "v1", resource: "apiservices" };

/** An API server, and one of an APIService that says what it was asked and then sends a line every time it is told to. */
async function world() {
  const credentials = testCredentials(["tap.viz.svc"]);
  const seen: IncomingMessage[] = [];
  let closed = 0;
  const server = https.createServer(
    {
      cert: credentials.certPem,
      key: credentials.keyPem,
      ca: frontProxy.caPem,
      requestCert: true,
      rejectUnauthorized: false,
    },
    (request, response) => {
      seen.push(request);
      const authorized: unknown = Reflect.get(request.socket, "authorized");
      response.writeHead(authorized === true ? 200 : 401, { "content-type": "application/x-ndjson" });
      response.on("close", () => closed++);
      let body = "";
      request.on("data", (chunk: Buffer) => (body += chunk.toString()));
      request.on("end", () => {
        response.write(`${JSON.stringify({ url: request.url, body })}\n`);
        // A watch goes on.
        if (request.url?.includes("/watch/") !== true) response.end();
      });
    },
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(() => server.close());
  const { port } = server.address() as { port: number };
  let dial: { ip: string; port: number } | null = { ip: "127.0.0.1", port };
  const api = await createServer({
    frontProxy,
    dialService: (namespace, name, wanted) => (`${namespace}/${name}:${wanted}` === "viz/tap:443" ? dial : null),
  });
  ends.push(() => api.listener.close());
  await api.api.client.create(apiServices, {
    apiVersion: "apiregistration.k8s.io/v1",
    kind: "APIService",
    metadata: { name: "v1alpha1.tap.test" },
    spec: {
      group: "tap.test",
      version: "v1alpha1",
      service: { namespace: "viz", name: "tap", port: 443 },
      caBundle: Buffer.from(credentials.caPem).toString("base64"),
    },
  });
  const available = (): unknown => {
    const status = api.api.client.get(apiServices, "", "v1alpha1.tap.test")?.["status"];
    return (status as { conditions?: Array<{ status: string }> } | undefined)?.conditions?.[0]?.status;
  };
  return { ...api, seen, closed: () => closed, available, lose: () => (dial = null) };
}

test("a request for an APIService's group goes on to its server with the user, without the user's token, and streams back", async () => {
  const { request, seen, closed } = await world();
  const leave = new AbortController();
  const answer = await request("/apis/tap.test/v1alpha1/watch/namespaces/a/pods/b/tap?x=1", {
    method: "POST",
    body: "hello",
    headers: { "x-remote-user": "somebody", "x-remote-group": "system:masters", "content-type": "text/plain" },
    signal: leave.signal,
  });
  expect(answer.status).toBe(200);
  expect(answer.headers.get("content-type")).toBe("application/x-ndjson");
  const { value } = await answer.body!.getReader().read();
  expect(JSON.parse(Buffer.from(value!).toString())).toEqual({
    url: "/apis/tap.test/v1alpha1/watch/namespaces/a/pods/b/tap?x=1",
    body: "hello",
  });
  const { headers, rawHeaders } = seen[0]!;
  expect(headers).toMatchObject({ "x-remote-user": "admin", host: "tap.viz.svc", "content-type": "text/plain" });
  expect(headers).not.toHaveProperty("authorization");
  const groups = rawHeaders.flatMap((name, at) =>
    at % 2 === 0 && name.toLowerCase() === "x-remote-group" ? [rawHeaders[at + 1]] : [],
  );
  expect(groups).toEqual(["system:masters", "system:authenticated"]);
  leave.abort();
  while (closed() === 0) await Bun.sleep(1);
});

test("rights are asked for first: the older form of a watch is one, whatever the method", async () => {
  const { request, seen } = await world();
  const answer = await request("/apis/tap.test/v1alpha1/watch/namespaces/a/pods/b/tap", {
    method: "POST",
    headers: { "impersonate-user": "joe" },
  });
  expect(answer.status).toBe(403);
  expect(await answer.text()).toContain(
    'User \\"joe\\" cannot watch resource \\"pods/tap\\" in API group \\"tap.test\\" in the namespace \\"a\\"',
  );
  expect(seen).toEqual([]);
});

test("an APIService says whether its server answers, and 503 is answered while it does not", async () => {
  const { clock, available, lose, request, api } = await world();
  clock.advance(1000);
  while (available() !== "True") await Bun.sleep(1);
  lose();
  while (available() !== "False") {
    clock.advance(1000);
    await Bun.sleep(1);
  }
  expect((await request("/apis/tap.test/v1alpha1")).status).toBe(503);
  const configMap = api.client.get(
    { group: "", version: "v1", resource: "configmaps" },
    "kube-system",
    "extension-apiserver-authentication",
  );
  expect(configMap?.["data"]).toMatchObject({
    "requestheader-client-ca-file": frontProxy.caPem,
    "requestheader-allowed-names": '["front-proxy-client"]',
  });
});
