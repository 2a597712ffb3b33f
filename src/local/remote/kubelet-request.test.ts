import { expect, test } from "bun:test";
import { podObject } from "../api/testing/fixture.ts";
import type { KubeObject } from "../store/object.ts";
import { execOptions, forwardPorts, parseHead, podRequest } from "./kubelet-request.ts";

test("The head of a request is read, repeated headers joined", () => {
  const head = parseHead("POST /exec/a/b/c?command=ls HTTP/1.1\r\nHost: node\r\nX-A: 1\r\nx-a: 2");
  expect(head?.method).toBe("POST");
  expect(head?.url.pathname).toBe("/exec/a/b/c");
  expect(head?.headers.get("x-a")).toBe("1, 2");
});

test.each(["", "GET", "GET / HTTP/2", "GET http://x/ HTTP/1.1", "GET / HTTP/1.1\r\nno colon"])(
  "%p is no request",
  (text) => {
    expect(parseHead(text)).toBeNull();
  },
);

test("Paths of the kubelet's API name a pod", () => {
  expect(podRequest("/containerLogs/ns/pod/main")).toEqual({
    kind: "log",
    namespace: "ns",
    pod: "pod",
    container: "main",
  });
  expect(podRequest("/exec/ns/pod/main")).toMatchObject({ kind: "exec" });
  expect(podRequest("/portForward/ns/pod")).toEqual({ kind: "forward", namespace: "ns", pod: "pod" });
  for (const path of [
    "/",
    "/pods",
    "/exec/ns/pod",
    "/exec/ns/pod/main/uid",
    "/attach/ns/pod/main",
    "/run/ns/pod/main",
  ]) {
    expect(podRequest(path)).toBeNull();
  }
});

test("Options of a command are understood by both of their names", () => {
  const pod = podObject("one") as unknown as KubeObject;
  const { name } = (pod["spec"] as { containers: Array<{ name: string }> }).containers[0]!;
  const kubelet = execOptions(pod, name, new URLSearchParams("command=sh&command=-c&input=1&output=1&error=1&tty=1"));
  const api = execOptions(
    pod,
    name,
    new URLSearchParams("command=sh&command=-c&stdin=true&stdout=true&stderr=true&tty=true"),
  );
  expect(kubelet).toEqual(api);
  expect(kubelet).toEqual({
    container: name,
    command: ["sh", "-c"],
    stdin: true,
    stdout: true,
    stderr: true,
    tty: true,
  });
  expect(() => execOptions(pod, name, new URLSearchParams())).toThrow("at least one command");
});

test("Ports are checked", () => {
  expect(forwardPorts(new URLSearchParams("port=80&ports=81,82"))).toEqual([81, 82, 80]);
  for (const query of ["", "port=0", "port=x"]) expect(() => forwardPorts(new URLSearchParams(query))).toThrow("ports");
});
