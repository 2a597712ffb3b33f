import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dir, "../..");
const buf = join(root, "node_modules/.bin/buf");
const generator = join(root, "node_modules/.bin/protoc-gen-es");

test.skipIf(!existsSync(buf) || !existsSync(generator))(
  "The committed messages are what proto/ generates",
  () => {
    const out = mkdtempSync(join(tmpdir(), "linkerd-gen-"));
    try {
      const run = Bun.spawnSync([buf, "generate", "--output", out], { cwd: root, stderr: "pipe" });
      expect(run.stderr.toString()).toBe("");
      expect(run.exitCode).toBe(0);
      const committed = join(root, "src/rpc/gen");
      const fresh = join(out, "src/rpc/gen");
      expect(readdirSync(committed).toSorted()).toEqual(readdirSync(fresh).toSorted());
      for (const name of readdirSync(fresh)) {
        expect(readFileSync(join(committed, name), "utf8")).toBe(readFileSync(join(fresh, name), "utf8"));
      }
    } finally {
      rmSync(out, { recursive: true });
    }
  },
  60_000,
);
