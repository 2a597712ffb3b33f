import { expect, test } from "bun:test";
import { imageName, resolveImage } from "./images.ts";

const self = { root: "/x", executable: "bin/bun", compiled: false, prefix: ["--smol", "./src/cli/main.ts"] };
const linkerd = ["/.linkerd/bin/bun", "--smol", "/.linkerd/src/cli/main.ts"];

test("Tags and digests are no part of a name, a registry's port is", () => {
  expect(imageName("cr.l5d.io/linkerd/proxy:edge-1")).toBe("cr.l5d.io/linkerd/proxy");
  expect(imageName("localhost:5000/app@sha256:12")).toBe("localhost:5000/app");
});

test("Linkerd's images run this program with the words of their entrypoint", () => {
  const run = (image: string) => resolveImage(image, {}, self);
  expect(run("cr.l5d.io/linkerd/proxy:1")).toEqual({ kind: "run", entrypoint: [...linkerd, "proxy"], host: false });
  expect(run("mirror:5000/linkerd/policy-controller:1")).toMatchObject({
    entrypoint: [...linkerd, "controller", "policy"],
  });
  expect(run("cr.l5d.io/linkerd/other:1")).toMatchObject({ kind: "missing" });
});

test("A command named linkerd is this program", () => {
  expect(resolveImage("cr.l5d.io/linkerd/proxy:1", { command: ["/usr/bin/linkerd", "proxy"] }, self)).toEqual({
    kind: "run",
    entrypoint: [...linkerd, "proxy"],
    host: false,
  });
});

test("Other images run their command on the host's programs, and without a command nothing", () => {
  expect(resolveImage("nginx", { command: ["sleep"] }, self)).toEqual({
    kind: "run",
    entrypoint: ["sleep"],
    host: true,
  });
  expect(resolveImage("nginx:1.27", {}, self)).toMatchObject({
    kind: "missing",
    message: expect.stringContaining('"nginx:1.27"'),
  });
});

test("Example images run a program of this executable", () => {
  expect(resolveImage("linkerd.local/emojivoto:v1", {}, self)).toMatchObject({
    entrypoint: [...linkerd, "emojivoto"],
  });
});
