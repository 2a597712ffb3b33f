import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { memoryLog } from "#lib/log.ts";
import { Watchable } from "#lib/watchable.ts";
import { certificates } from "./testing/certificates.ts";
import { type KeyPair, serveWebhook, type WebhookServer } from "./webhook.ts";

const [first, second] = certificates;
const { log, lines } = memoryLog();
const certificate = new Watchable<KeyPair>(first);
let server: WebhookServer;

beforeAll(() => {
  server = serveWebhook({
    ip: "127.0.0.1",
    port: 0,
    certificate,
    log,
    routes: {
      "/": (request) => {
        if (request.namespace === "explode") throw new Error("secret detail");
        if (request.namespace === "kube-system") return { allowed: false, message: "Not here" };
        return { allowed: true, patch: [{ op: "add", path: "/x", value: 1 }], warnings: ["careful"] };
      },
    },
  });
});
afterAll(() => server.stop());

async function post(body: string, ca = first.certPem, path = "/"): Promise<Response> {
  return await fetch(`https://127.0.0.1:${server.port}${path}`, {
    method: "POST",
    body,
    tls: { ca },
    keepalive: false,
  });
}

function review(namespace: string): string {
  const request = {
    uid: "u1",
    kind: { group: "", version: "v1", kind: "Pod" },
    resource: { group: "", version: "v1", resource: "pods" },
    operation: "CREATE",
    namespace,
    object: { metadata: { name: "web" } },
  };
  return JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request });
}

describe("serveWebhook", () => {
  test("answers with the patch in base64 and the request's uid", async () => {
    const answer = (await (await post(review("web"))).json()) as { response: { patch: string } };
    expect(answer).toMatchObject({
      apiVersion: "admission.k8s.io/v1",
      kind: "AdmissionReview",
      response: { uid: "u1", allowed: true, patchType: "JSONPatch", warnings: ["careful"] },
    });
    expect(JSON.parse(Buffer.from(answer.response.patch, "base64").toString())).toEqual([
      { op: "add", path: "/x", value: 1 },
    ]);
  });

  test("a refusal says why", async () => {
    expect(await (await post(review("kube-system"))).json()).toMatchObject({
      response: { uid: "u1", allowed: false, status: { message: "Not here", code: 403 } },
    });
  });

  test.each([
    ["", "no JSON"],
    ["[]", "no AdmissionReview"],
    ["null", "no AdmissionReview"],
    ['{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1beta1"}', "not supported"],
    ['{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"}', "has no request"],
    ['{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":5}}', "has no uid"],
    ['{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"u"}}', "no kind and resource"],
  ])("a malformed review %j is answered with 400", async (body, message) => {
    const response = await post(body);
    expect(response.status).toBe(400);
    expect(await response.text()).toContain(message);
  });

  test("a body over the limit is answered with 413", async () => {
    expect((await post("x".repeat(9 * 1024 * 1024))).status).toBe(413);
  });

  test("a decision that fails is answered with 500, so that failurePolicy decides", async () => {
    expect((await post(review("explode"))).status).toBe(500);
    expect((await post(review("web"))).status).toBe(200);
  });

  test("other paths are not found", async () => {
    expect((await post(review("web"), first.certPem, "/constructor")).status).toBe(404);
  });

  test("a new certificate serves at once on the same port; a bad one is logged and changes nothing", async () => {
    certificate.set({ certPem: "garbage", keyPem: "garbage" });
    expect((await post(review("web"))).status).toBe(200);
    expect(lines.some((line) => line.includes("can't be used, keeping the old one"))).toBe(true);
    certificate.set(second);
    expect((await post(review("web"), second.certPem)).status).toBe(200);
    expect(post(review("web"), first.certPem)).rejects.toThrow();
  });
});
