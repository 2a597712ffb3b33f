/**
 * Does everything run the same, newest version? Nothing is asked outside of the cluster: the newest version is what
 * --expected-version says, else the newer one of this executable's and the control plane's.
 */
import { MeshError } from "#lib/errors.ts";
import type { Pod } from "#kube/types/core.ts";
import { isNewer } from "../../newer.ts";
import { bullets, type Category, type Check, type CheckScope } from "../check.ts";
import { installedHere, versionHere } from "./facts.ts";

/** The version that should run everywhere. */
async function latestVersion(scope: CheckScope): Promise<string> {
  if (scope.expectedVersion !== null) return scope.expectedVersion;
  const installed = (await installedHere(scope))?.["linkerdVersion"];
  return typeof installed === "string" && isNewer(installed, scope.cliVersion) ? installed : scope.cliVersion;
}

function assertLatest(version: string, latest: string): void {
  if (version !== latest)
    throw new MeshError("conflict", `is running version ${version} but the latest version is ${latest}`);
}

export const linkerdVersion: Category = {
  id: "linkerd-version",
  checks: [
    {
      id: "l5d-version-latest",
      description: "can determine the latest version",
      warning: true,
      run: async (scope) => {
        await latestVersion(scope);
      },
    },
    {
      id: "l5d-version-cli",
      description: "cli is up-to-date",
      warning: true,
      run: async (scope) => assertLatest(scope.cliVersion, await latestVersion(scope)),
    },
  ],
};

export const controlPlaneVersion: Category = {
  id: "control-plane-version",
  checks: [
    {
      id: "l5d-version-control",
      description: "can retrieve the control plane version",
      fatal: true,
      retry: true,
      run: async (scope) => {
        await versionHere(scope);
      },
    },
    {
      id: "l5d-version-control",
      description: "control plane is up-to-date",
      warning: true,
      run: async (scope) => assertLatest(await versionHere(scope), await latestVersion(scope)),
    },
    {
      id: "l5d-version-control",
      description: "control plane and cli versions match",
      warning: true,
      run: async (scope) => {
        const found = await versionHere(scope);
        if (found !== scope.cliVersion)
          throw new MeshError("conflict", `control plane running ${found} but cli running ${scope.cliVersion}`);
      },
    },
  ],
};

export function proxyVersion(pod: Pod): string | undefined {
  return pod.metadata.annotations?.["linkerd.io/proxy-version"];
}

/** Warns of running proxies that are not of the newest version. */
export function proxiesUpToDate(
  id: string,
  description: string,
  pods: (scope: CheckScope) => Promise<readonly Pod[]>,
): Check {
  return {
    id,
    description,
    warning: true,
    run: async (scope) => {
      const latest = await latestVersion(scope);
      const old = (await pods(scope)).filter((pod) => {
        const version = proxyVersion(pod);
        return pod.status?.phase === "Running" && version !== undefined && version !== latest;
      });
      if (old.length === 0) return;
      const names = old.map((pod) => `${pod.metadata.name} (${proxyVersion(pod)})`);
      throw new MeshError("conflict", `some proxies are not running the current version:\n${bullets(names)}`);
    },
  };
}

/** Warns of the first proxy that is of another version than this executable. */
export function proxiesMatchCli(
  id: string,
  description: string,
  pods: (scope: CheckScope) => Promise<readonly Pod[]>,
): Check {
  return {
    id,
    description,
    warning: true,
    run: async (scope) => {
      for (const pod of await pods(scope)) {
        const version = proxyVersion(pod);
        if (pod.status?.phase !== "Running" || version === undefined || version === scope.cliVersion) continue;
        throw new MeshError("conflict", `${pod.metadata.name} running ${version} but cli running ${scope.cliVersion}`);
      }
    },
  };
}
