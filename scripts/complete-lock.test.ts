import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { complete, platformOf } from "./complete-lock.ts";

test("platformOf() reads system and processor from a package's name", () => {
  expect(platformOf("@oxfmt/binding-linux-arm64-musl")).toEqual({ os: ["linux"], cpu: ["arm64"], libc: ["musl"] });
  expect(platformOf("@bufbuild/buf-linux-armv7")).toEqual({ os: ["linux"], cpu: ["arm"] });
  expect(platformOf("@oven/bun-darwin-aarch64")).toEqual({ os: ["darwin"], cpu: ["arm64"] });
});

test("complete() adds missing optional packages only", () => {
  const lock = {
    packages: {
      "node_modules/a": {
        version: "1.0.0",
        dev: true,
        optionalDependencies: { "a-linux-x64": "1.0.0", "a-win32-x64": "1.0.0" },
      },
      "node_modules/a-linux-x64": { version: "1.0.0" },
    },
  };
  expect(complete(lock)).toEqual(["a-win32-x64"]);
  expect(complete(lock)).toEqual([]);
});

test("the lock file of the repository is complete and names no registry", () => {
  const text = readFileSync(resolve(import.meta.dir, "../package-lock.json"), "utf8");
  expect(complete(JSON.parse(text))).toEqual([]);
  expect(text).not.toContain('"resolved"');
});
