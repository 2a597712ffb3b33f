/** The real Kubernetes of e2e/kubernetes with images made from these sources. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { down, holdDown, importImage, kubectlPath, nodeFiles, nodePid, up } from "../kubernetes/node.ts";
import { cacheFolder, runPaths } from "../kubernetes/settings.ts";
import type { ClusterParts } from "./cluster.ts";
import { ok, repository, run } from "./command.ts";

export async function startKubernetes(): Promise<ClusterParts> {
  const note = (text: string): void => console.log(`kubernetes: ${text}`);
  await up({ images: await imageArchives(note), note });
  return {
    kind: "kubernetes",
    kubeconfig: runPaths.kubeconfig,
    kubectl: kubectlPath,
    nodePid: async () => nodePid(),
    importImage,
    nodeFiles,
    hold: holdDown,
    stop: down,
  };
}

/** The same API server and controllers, and pods as processes of this machine: where no kubelet can run. */
export async function startControllers(): Promise<ClusterParts> {
  await up({ images: [], note: (text) => console.log(`kubernetes: ${text}`), runner: "local" });
  return {
    kind: "controllers",
    kubeconfig: runPaths.kubeconfig,
    kubectl: kubectlPath,
    nodePid: async () => nodePid(),
    hold: holdDown,
    stop: down,
  };
}

/** Archives of the mesh's and the sample application's images; made once per state of what goes into them. */
async function imageArchives(note: (text: string) => void): Promise<string[]> {
  const digest = createHash("sha256");
  for (const part of ["src", "examples", "scripts", "package.json", "package-lock.json"]) {
    const path = join(repository, part);
    const files = part.includes(".") ? [path] : sourceFiles(path);
    for (const file of files) digest.update(file).update("\0").update(readFileSync(file));
  }
  const root = join(cacheFolder, "images");
  const folder = join(root, digest.digest("hex").slice(0, 16));
  if (!existsSync(folder)) {
    const start = performance.now();
    const partial = `${folder}.partial-${process.pid}`;
    rmSync(root, { recursive: true, force: true });
    mkdirSync(root, { recursive: true });
    const arch = process.arch === "arm64" ? "arm64" : "amd64";
    await ok(
      run([process.execPath, "scripts/image/main.ts", "--arch", arch, "--no-layout", "--out", partial], {
        limit: 300_000,
      }),
    );
    renameSync(partial, folder);
    note(`made images in ${((performance.now() - start) / 1000).toFixed(1)} s`);
  }
  return readdirSync(folder)
    .filter((name) => name.endsWith(".tar"))
    .map((name) => join(folder, name));
}

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".test.ts"))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
}
