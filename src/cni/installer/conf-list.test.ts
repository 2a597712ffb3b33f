import { expect, test } from "bun:test";
import { type ConfigFile, type FileChange, planInstallation, planRemoval } from "./conf-list.ts";

const entry = { name: "linkerd-cni", type: "linkerd-cni", linkerd: { "proxy-uid": 2102 } };
const bridge = { type: "bridge", bridge: "cni0" };

const list = (name: string, plugins: object[]): ConfigFile => ({
  name,
  text: JSON.stringify({ name: "net", cniVersion: "1.0.0", plugins, extra: { kept: true } }),
});

/** The folder after the changes, texts as objects. */
function apply(files: readonly ConfigFile[], changes: readonly FileChange[]): Record<string, unknown> {
  const folder = new Map(files.map(({ name, text }) => [name, text]));
  for (const change of changes) {
    if (change.kind === "write") folder.set(change.name, change.text);
    else if (change.kind === "remove") folder.delete(change.name);
    else {
      folder.set(change.to, folder.get(change.from) ?? "missing");
      folder.delete(change.from);
    }
  }
  return Object.fromEntries(
    [...folder].map(([name, text]) => {
      try {
        return [name, JSON.parse(text) as unknown];
      } catch {
        return [name, text];
      }
    }),
  );
}

const texts = (folder: Record<string, unknown>): ConfigFile[] =>
  Object.entries(folder).map(([name, value]) => ({
    name,
    text: typeof value === "string" ? value : JSON.stringify(value),
  }));

test("Our plugin goes to the end of the first list, and everything else stays", () => {
  const files = [list("20-b.conflist", [bridge]), list("10-a.conflist", [bridge, { type: "portmap" }])];
  const plan = planInstallation(files, entry);
  expect(plan.active).toBe("10-a.conflist");
  expect(apply(files, plan.changes)).toEqual({
    "10-a.conflist": {
      name: "net",
      cniVersion: "1.0.0",
      plugins: [bridge, { type: "portmap" }, entry],
      extra: { kept: true },
    },
    "20-b.conflist": { name: "net", cniVersion: "1.0.0", plugins: [bridge], extra: { kept: true } },
  });
});

test("A second look changes nothing; another CNI's rewriting and changed settings do", () => {
  const files = [list("10-a.conflist", [bridge])];
  const folder = apply(files, planInstallation(files, entry).changes);
  expect(planInstallation(texts(folder), entry).changes).toEqual([]);
  expect(planInstallation(files, entry).changes).toHaveLength(1);
  const changed = { ...entry, linkerd: { "proxy-uid": 3000 } };
  const again = apply(texts(folder), planInstallation(texts(folder), changed).changes);
  expect(again["10-a.conflist"]).toMatchObject({ plugins: [bridge, changed] });
});

test("A single plugin becomes a list, written before the original steps aside, and comes back at the end", () => {
  const single = { name: "net", cniVersion: "0.4.0", ...bridge };
  const files = [{ name: "10-a.conf", text: JSON.stringify(single) }];
  const { changes, active } = planInstallation(files, entry);
  expect(changes.map(({ kind }) => kind)).toEqual(["write", "rename"]);
  expect(active).toBe("10-a.conflist");
  const folder = apply(files, changes);
  expect(folder).toEqual({
    "10-a.conflist": { name: "net", cniVersion: "0.4.0", plugins: [bridge, entry] },
    "10-a.conf.linkerd-replaced": single,
  });
  expect(planInstallation(texts(folder), entry).changes).toEqual([]);
  expect(apply(texts(folder), planRemoval(texts(folder)))).toEqual({ "10-a.conf": single });
});

test("A single plugin that its owner rewrites is taken over again", () => {
  const files = [
    { name: "10-a.conf", text: JSON.stringify({ name: "net", type: "bridge", mtu: 1400 }) },
    { name: "10-a.conf.linkerd-replaced", text: JSON.stringify({ name: "net", type: "bridge" }) },
    list("10-a.conflist", [{ type: "bridge" }, entry]),
  ];
  const folder = apply(files, planInstallation(files, entry).changes);
  expect(folder["10-a.conflist"]).toMatchObject({ plugins: [{ type: "bridge", mtu: 1400 }, entry] });
  expect(folder["10-a.conf.linkerd-replaced"]).toMatchObject({ mtu: 1400 });
  expect(Object.keys(folder)).not.toContain("10-a.conf");
  expect(apply(files, planRemoval(files))).toEqual({ "10-a.conf": { name: "net", type: "bridge", mtu: 1400 } });
});

test("Unreadable files are named and left as they are, and the next one is used", () => {
  const files = [
    { name: "05-half.conflist", text: '{"name":"net","plug' },
    { name: "06-empty.conflist", text: '{"plugins":[]}' },
    { name: "07-none.conf", text: "{}" },
    list("10-a.conflist", [bridge]),
  ];
  const plan = planInstallation(files, entry);
  expect(plan.active).toBe("10-a.conflist");
  expect(plan.unreadable.map(({ name }) => name)).toEqual(["05-half.conflist", "06-empty.conflist", "07-none.conf"]);
  expect(plan.changes.map((change) => (change.kind === "write" ? change.name : ""))).toEqual(["10-a.conflist"]);
});

test("When a new file comes first, our plugin moves there", () => {
  const files = [list("05-new.conflist", [bridge]), list("10-a.conflist", [bridge, entry])];
  const folder = apply(files, planInstallation(files, entry).changes);
  expect(folder["05-new.conflist"]).toMatchObject({ plugins: [bridge, entry] });
  expect(folder["10-a.conflist"]).toMatchObject({ plugins: [bridge] });
});

test("Other files of the folder are none of our business", () => {
  const files = [
    { name: "ZZZ-linkerd-cni-kubeconfig", text: "apiVersion: v1" },
    { name: "10-a.conflist.bak", text: "{" },
    { name: ".10-a.conflist", text: "{" },
  ];
  expect(planInstallation(files, entry)).toEqual({ changes: [], active: null, unreadable: [] });
});

test("Removing restores every list and drops one that is ours alone", () => {
  const files = [
    list("10-a.conflist", [bridge, entry]),
    list("20-b.conflist", [entry]),
    list("30-c.conflist", [bridge]),
  ];
  expect(apply(files, planRemoval(files))).toEqual({
    "10-a.conflist": { name: "net", cniVersion: "1.0.0", plugins: [bridge], extra: { kept: true } },
    "30-c.conflist": { name: "net", cniVersion: "1.0.0", plugins: [bridge], extra: { kept: true } },
  });
});
