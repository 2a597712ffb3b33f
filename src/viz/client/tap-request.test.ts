import { expect, test } from "bun:test";
import { parseResource } from "../metrics/resource.ts";
import { readTapBody, readTapPath, tapBody, tapPath, type TapRequest } from "./tap-request.ts";

const there = (request: TapRequest): TapRequest => {
  const path = readTapPath(tapPath(request.resource));
  return readTapBody(path!, JSON.parse(JSON.stringify(tapBody(request))));
};

test("a request arrives as it was sent, its resource in the path, so that rights can be given for it", () => {
  const resource = parseResource(["deploy/web"], "app");
  expect(tapPath(resource)).toBe("/apis/tap.linkerd.io/v1alpha1/watch/namespaces/app/deployments/web/tap");
  expect(tapPath(parseResource(["ns/app"], null))).toBe("/apis/tap.linkerd.io/v1alpha1/watch/namespaces/app/tap");
  const request: TapRequest = {
    resource,
    to: parseResource(["svc/voting"], "other"),
    method: "GET",
    scheme: "http",
    authority: "a",
    path: "/x",
    selector: "a=b",
    maxRps: 5,
    headers: true,
  };
  expect(there(request)).toEqual(request);
});

test("all of a kind is asked of the namespace", () => {
  const resource = parseResource(["deploy"], "app");
  expect(tapPath(resource)).toEndWith("/watch/namespaces/app/tap");
  expect(there({ resource }).resource).toEqual(resource);
});

test("names are no way into other paths", () => {
  const path = tapPath({ kind: "pod", namespace: "../../x", name: "a/b?c" });
  expect(path).toBe("/apis/tap.linkerd.io/v1alpha1/watch/namespaces/..%2F..%2Fx/pods/a%2Fb%3Fc/tap");
  expect(readTapPath(path)).toEqual({ kind: "pod", namespace: "../../x", name: "a/b?c" });
  for (const other of ["/", "/apis/tap.linkerd.io/v1alpha1/namespaces/a/tap", "/watch/namespaces/a/tap"])
    expect(readTapPath(other)).toBeNull();
  expect(() => tapPath({ kind: "authority", namespace: "a", name: "b" })).toThrow("has no pods");
});

test.each<[string, object]>([
  ["no object", []],
  ["maxRps", { maxRps: 0 }],
  ["maxRps", { maxRps: "5" }],
  ['"path" is not a text', { path: 5 }],
  ['"path" is not a text', { path: "x".repeat(5000) }],
  ["selector", { selector: "a in (" }],
  ['"to" is not', { to: { kind: "x" } }],
  ['"kind" is "deployment"', { kind: "deployment" }],
])("a body is refused: %s", (why, body) => {
  expect(() => readTapBody({ kind: "pod", namespace: "a", name: "b" }, body)).toThrow(why);
});
