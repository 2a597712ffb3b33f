/** `sh scripts/bun e2e/kubernetes/main.ts build|up|down|status|kubectl ARG…`: the test cluster by hand. */
import { builtProgram } from "./build.ts";
import { down, kubectlPath, nodePid, release, up } from "./node.ts";
import { runPaths } from "./settings.ts";

const [verb = "", ...rest] = process.argv.slice(2);
const note = (text: string): void => console.error(text);

async function main(): Promise<number> {
  switch (verb) {
    case "build":
      for (const name of ["kube", "coredns", "helm3", "helm4"] as const) console.log(await builtProgram(name, note));
      return 0;
    case "up":
      if (nodePid() !== null) throw new Error("The cluster is up; take it down first");
      await up({ images: rest, note });
      release();
      console.log(`export KUBECONFIG=${runPaths.kubeconfig}`);
      return 0;
    case "down":
      await down();
      return 0;
    case "status":
      console.log(nodePid() === null ? "down" : `up, pid ${nodePid()}, KUBECONFIG=${runPaths.kubeconfig}`);
      return 0;
    case "kubectl": {
      const child = Bun.spawn([kubectlPath, `--kubeconfig=${runPaths.kubeconfig}`, ...rest], {
        stdio: ["inherit", "inherit", "inherit"],
      });
      return child.exited;
    }
    default:
      console.error("Usage: e2e/kubernetes/main.ts build | up [IMAGE.tar…] | down | status | kubectl ARG…");
      return 1;
  }
}

try {
  process.exit(await main());
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
