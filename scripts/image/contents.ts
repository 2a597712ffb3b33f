/** What is in the images besides the program: as little as it can run with. No shell, no package manager. */
import { rootCertificates } from "node:tls";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TarEntry } from "./tar.ts";

/** Users of the manifests: the proxy, the control plane, the init container. */
const users: ReadonlyArray<readonly [name: string, id: number]> = [
  ["root", 0],
  ["linkerd-proxy", 2102],
  ["linkerd-control", 2103],
  ["nobody", 65534],
];

const text = (path: string, content: string): TarEntry => ({ kind: "file", path, data: Buffer.from(content) });

/** Accounts, name service order, certificate authorities and an empty /tmp. */
export function baseEntries(): TarEntry[] {
  return [
    text("etc/passwd", users.map(([name, id]) => `${name}:x:${id}:${id}::/:/nonexistent\n`).join("")),
    text("etc/group", users.map(([name, id]) => `${name}:x:${id}:\n`).join("")),
    text("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
    // The runtime's own copy of Mozilla's list: pinned with the runtime.
    text("etc/ssl/certs/ca-certificates.crt", `${rootCertificates.map((pem) => pem.trim()).join("\n")}\n`),
    { kind: "folder", path: "tmp", mode: 0o1777 },
    { kind: "folder", path: "run" },
    { kind: "folder", path: "var/run" },
  ];
}

/** What the licence of the C library asks for when it is passed on; nothing where its packager put it elsewhere. */
export function licenceEntries(root: string): TarEntry[] {
  const path = "usr/share/doc/libc6/copyright";
  const source = join(root, path);
  return existsSync(source) ? [{ kind: "file", path, data: readFileSync(source) }] : [];
}
