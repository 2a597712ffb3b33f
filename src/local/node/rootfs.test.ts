import { expect, test } from "bun:test";
import { planRoot, type HostEntry, type HostTree } from "./rootfs.ts";

/** A host of the given folders ("/usr/"), links ("/bin -> usr/bin") and files ("/etc/passwd"). */
function host(...lines: string[]): HostTree {
  const nodes = new Map<string, HostEntry>();
  for (const line of lines) {
    const [path = "", link] = line.split(" -> ");
    const clean = path.replace(/\/$/, "");
    const name = clean.slice(clean.lastIndexOf("/") + 1);
    nodes.set(clean, {
      name,
      kind: link !== undefined ? "link" : path.endsWith("/") ? "folder" : "file",
      link: link ?? "",
    });
  }
  return {
    entries: (path) =>
      [...nodes]
        .filter(([key]) => key.slice(0, key.lastIndexOf("/")) === (path === "/" ? "" : path))
        .map(([, entry]) => entry),
    resolve: (path) => path.replace(/^\/var\/run\//, "/run/"),
    isFolder: (path) => nodes.get(path)?.kind === "folder" || path.startsWith("/volumes/"),
  };
}

const debian = host(
  "/usr/",
  "/usr/share/",
  "/usr/bin/",
  "/bin -> usr/bin",
  "/etc/",
  "/etc/passwd",
  "/etc/localtime -> /usr/share/x",
  "/var/",
  "/var/lib/",
  "/var/run -> /run",
  "/tmp/",
  "/run/",
  "/srv/",
);

test("Host folders are bound, links copied, and the container's own folders left out", () => {
  const plan = planRoot(debian, [], "/work/linkerd");
  const binds = plan.binds.map(({ source, target }) => `${source} ${target}`);
  expect(binds).toContain("/usr /usr");
  expect(binds).toContain("/srv /srv");
  expect(binds).toContain("/work/linkerd /.linkerd");
  expect(binds.some((line) => line.endsWith(" /tmp") || line.endsWith(" /run") || line.endsWith(" /etc"))).toBe(false);
  expect(plan.links).toContainEqual({ path: "/bin", to: "usr/bin" });
  expect(plan.links).toContainEqual({ path: "/etc/passwd", to: "/.node/etc/passwd" });
  expect(plan.links).toContainEqual({ path: "/etc/localtime", to: "/usr/share/x" });
  expect(plan.folders).toContain("/tmp");
});

test("A mount at a place that the host doesn't have splits the folders above it only", () => {
  const plan = planRoot(debian, [{ target: "/usr/share/app/data", source: "/volumes/data", readOnly: true }], "/l");
  expect(plan.folders).toEqual(expect.arrayContaining(["/usr", "/usr/share", "/usr/share/app/data"]));
  expect(plan.links).toContainEqual({ path: "/usr/bin", to: "/.node/usr/bin" });
  const binds = plan.binds.map(({ source, target }) => `${source} ${target}`);
  expect(binds).toContain("/usr /.node/usr");
  expect(binds).not.toContain("/usr /usr");
  expect(plan.binds.at(-1)).toEqual({
    source: "/volumes/data",
    target: "/usr/share/app/data",
    recursive: false,
    readOnly: true,
  });
});

test("A mount below a link goes where the link points", () => {
  const target = "/var/run/secrets/kubernetes.io/serviceaccount";
  const plan = planRoot(debian, [{ target, source: "/volumes/token", readOnly: true }], "/l");
  expect(plan.folders).toContain("/run/secrets/kubernetes.io/serviceaccount");
  expect(plan.links).toContainEqual({ path: "/var/run", to: "/run" });
});

test("A file is mounted onto a file, in place of the host's", () => {
  const plan = planRoot(debian, [{ target: "/etc/passwd", source: "/node/passwd", readOnly: false }], "/l");
  expect(plan.files).toContain("/etc/passwd");
  expect(plan.links.some(({ path }) => path === "/etc/passwd")).toBe(false);
});

test("Nested mounts come after the mounts that hold them", () => {
  const mounts = [
    { target: "/data/inner", source: "/volumes/inner", readOnly: false },
    { target: "/data", source: "/volumes/outer", readOnly: false },
  ];
  const targets = planRoot(debian, mounts, "/l").binds.map(({ target }) => target);
  expect(targets.indexOf("/data")).toBeLessThan(targets.indexOf("/data/inner"));
});

test("Of a compiled program's folder a container sees the program only", () => {
  const plan = planRoot(debian, [], "/root/.linkerd/bin", "linkerd");
  expect(plan.files).toContain("/.linkerd/linkerd");
  expect(plan.binds.filter(({ target }) => target.startsWith("/.linkerd"))).toEqual([
    { source: "/root/.linkerd/bin/linkerd", target: "/.linkerd/linkerd", recursive: false, readOnly: true },
  ]);
});
