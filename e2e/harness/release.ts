/** An older state of this repository as a release: its command and its images. */
import { mkdirSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { ok, repository, run } from "./command.ts";

export interface Release {
  readonly commit: string;
  /** Its `linkerd`. */
  readonly linkerd: string;
  /** Its registry, so that its images don't hide ours, which may have the same version. */
  readonly registry: string;
  /** For the node; empty when no images were asked for. */
  readonly archives: readonly string[];
  remove(): void;
}

/** Unpacks the commit before this one. Null where there is no history. */
export async function previousRelease(folder: string, options: { readonly images: boolean }): Promise<Release | null> {
  const found = await run(["git", "-C", repository, "rev-parse", "--short", "--verify", "HEAD~1"]);
  if (found.code !== 0) return null;
  const commit = found.out.trim();
  const tree = join(folder, "release");
  mkdirSync(tree, { recursive: true });
  await ok(run(["sh", "-c", 'git -C "$0" archive "$1" | tar x -C "$2"', repository, commit, tree]));
  symlinkSync(join(repository, "node_modules"), join(tree, "node_modules"));
  // The packages below the images are downloaded once.
  mkdirSync(join(repository, ".cache"), { recursive: true });
  rmSync(join(tree, ".cache"), { recursive: true, force: true });
  symlinkSync(join(repository, ".cache"), join(tree, ".cache"));
  const registry = "previous.local/linkerd";
  const out = join(folder, "images");
  if (options.images) {
    const arch = process.arch === "arm64" ? "arm64" : "amd64";
    await ok(
      run(
        [
          process.execPath,
          join(tree, "scripts/image/main.ts"),
          "--arch",
          arch,
          "--no-layout",
          "--only",
          "linkerd",
          "--out",
          out,
        ],
        {
          env: { LINKERD_DOCKER_REGISTRY: registry },
          limit: 300_000,
        },
      ),
    );
  }
  return {
    commit,
    linkerd: join(tree, "linkerd"),
    registry,
    archives: options.images
      ? readdirSync(out)
          .filter((name) => name.endsWith(".tar"))
          .map((name) => join(out, name))
      : [],
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
