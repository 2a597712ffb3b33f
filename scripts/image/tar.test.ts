import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tar, type TarEntry } from "./tar.ts";

const file = (path: string, text: string): TarEntry => ({ kind: "file", path, data: Buffer.from(text) });

/** What the system's tar makes of an archive. */
function system(archive: Uint8Array, ...options: string[]): string {
  const run = Bun.spawnSync(["tar", ...options], { stdin: archive, env: { PATH: process.env["PATH"], TZ: "UTC" } });
  if (run.exitCode !== 0) throw new Error(run.stderr.toString());
  return run.stdout.toString();
}

test("The order of entries makes no difference, and times and owners are fixed", () => {
  const entries = [file("etc/b", "2"), file("a", "1"), { kind: "folder", path: "tmp", mode: 0o1777 } as const];
  const archive = tar(entries);
  expect(tar(entries.toReversed())).toEqual(archive);
  expect(system(archive, "-tvf", "-").replaceAll(/ +/g, " ").trim().split("\n")).toEqual([
    "-rw-r--r-- 0/0 1 1970-01-01 00:00 a",
    "drwxr-xr-x 0/0 0 1970-01-01 00:00 etc/",
    "-rw-r--r-- 0/0 1 1970-01-01 00:00 etc/b",
    "drwxrwxrwt 0/0 0 1970-01-01 00:00 tmp/",
  ]);
});

test("Contents, modes, links and names of any length come out as they went in", () => {
  const long = `${"folder/".repeat(30)}file`;
  const target = "../".repeat(60);
  const folder = mkdtempSync(join(tmpdir(), "linkerd-tar-"));
  try {
    const archive = tar([
      file(long, "long"),
      { kind: "file", path: "run", mode: 0o755, data: Buffer.alloc(1024, 7) },
      { kind: "link", path: "link", target },
      file("empty", ""),
    ]);
    writeFileSync(join(folder, "x.tar"), archive);
    expect(system(archive, "-tf", "-").split("\n")).toContain(long);
    expect(system(archive, "-tvf", "-")).toContain(`link -> ${target}`);
    system(archive, "-xf", "-", "-C", folder);
    expect(readFileSync(join(folder, long), "utf8")).toBe("long");
    expect(readFileSync(join(folder, "run"))).toEqual(Buffer.alloc(1024, 7));
    expect(statSync(join(folder, "run")).mode & 0o777).toBe(0o755);
    expect(statSync(join(folder, "empty")).size).toBe(0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("Capabilities travel as an extended attribute whose length counts itself", () => {
  const capabilities = Buffer.from([1, 0, 10, 0x3d]);
  const archive = Buffer.from(tar([{ kind: "file", path: "x", data: Buffer.alloc(0), capabilities }]));
  const record = archive.subarray(512, 1024);
  const length = Number(record.toString("latin1", 0, record.indexOf(" ")));
  expect(record[length - 1]).toBe(0x0a);
  expect(record.toString("latin1", 0, length)).toEndWith("SCHILY.xattr.security.capability=\x01\0\n=\n");
});

test("A path that is in an archive twice is refused", () => {
  expect(() => tar([file("a", ""), file("/a", "")])).toThrow('The archive has "a" twice');
});
