import { expect, test } from "bun:test";
import type { Container, Pod, PodSpec } from "../types.ts";
import { credentialsOf, setprivArguments } from "./container-process.ts";

function pod(spec: Partial<PodSpec> = {}): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web", namespace: "shop", uid: "u", resourceVersion: "1", creationTimestamp: "" },
    spec: { containers: [], ...spec },
  };
}

const proxy: Container = {
  name: "linkerd-proxy",
  securityContext: {
    runAsUser: 2102,
    runAsNonRoot: true,
    allowPrivilegeEscalation: false,
    capabilities: { drop: ["ALL"] },
  },
};
const init: Container = {
  name: "linkerd-init",
  securityContext: {
    runAsUser: 65534,
    runAsGroup: 65534,
    capabilities: { drop: ["ALL"], add: ["NET_ADMIN", "CAP_NET_RAW"] },
  },
};

test("A container that drops everything runs as its user with no capability", () => {
  const args = setprivArguments(credentialsOf(pod(), proxy, "root", true), "root");
  expect(args).toEqual([
    "--reuid=2102",
    "--regid=0",
    "--clear-groups",
    "--inh-caps=-all",
    "--ambient-caps=-all",
    "--bounding-set=-all",
    "--no-new-privs",
  ]);
});

test("Added capabilities reach a program of another user than root", () => {
  const credentials = credentialsOf(pod(), init, "root", false);
  expect(credentials).toMatchObject({
    uid: 65534,
    gid: 65534,
    capabilities: ["net_admin", "net_raw"],
    ambient: ["net_admin", "net_raw"],
  });
});

test("With one user only, everybody is root and the proxy may mark its sockets", () => {
  const credentials = credentialsOf(pod(), proxy, "single", true);
  expect(credentials).toMatchObject({ uid: 0, capabilities: ["net_raw"], ambient: ["net_raw"] });
  expect(setprivArguments(credentials, "single").some((arg) => arg.includes("uid") || arg.includes("groups"))).toBe(
    false,
  );
});

test("Groups of the pod are given, and a container's user goes before the pod's", () => {
  const spec = { securityContext: { runAsUser: 1, runAsGroup: 2, fsGroup: 7, supplementalGroups: [8] } };
  const args = setprivArguments(
    credentialsOf(pod(spec), { name: "c", securityContext: { runAsUser: 5 } }, "root", false),
    "root",
  );
  expect(args.slice(0, 3)).toEqual(["--reuid=5", "--regid=2", "--groups=7,8"]);
});

test("runAsNonRoot without a user is refused", () => {
  const container = { name: "c", securityContext: { runAsNonRoot: true } };
  expect(() => credentialsOf(pod(), container, "root", false)).toThrow("runAsNonRoot");
});

test("A privileged container keeps everything", () => {
  const args = setprivArguments(
    credentialsOf(pod(), { name: "c", securityContext: { privileged: true } }, "root", false),
    "root",
  );
  expect(args).toEqual(["--reuid=0", "--regid=0", "--clear-groups"]);
});
