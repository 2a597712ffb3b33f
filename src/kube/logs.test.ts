import { expect, test } from "bun:test";
import { KubeClient } from "./client.ts";
import { podLogs } from "./logs.ts";
import { FakeApi, failure } from "./testing/fake-api.ts";

test("podLogs gives lines and passes what was asked for", async () => {
  const api = new FakeApi();
  api.intercept = () => new Response("one\ntwo\n");
  const lines: string[] = [];
  const pod = { namespace: "web", name: "a" };
  for await (const line of podLogs(new KubeClient(api.access), pod, { container: "app", tailLines: 2, follow: true })) {
    lines.push(line);
  }
  expect(lines).toEqual(["one", "two"]);
  expect(api.requests).toEqual(["GET /api/v1/namespaces/web/pods/a/log?container=app&follow=true&tailLines=2"]);
  api.intercept = () => failure(400, "BadRequest", "container app is waiting to start");
  const failing = podLogs(new KubeClient(api.access), pod);
  expect(failing.next()).rejects.toThrow(
    'Failed to read the log of Pod "a" in namespace "web": container app is waiting',
  );
  await api.stop();
});
