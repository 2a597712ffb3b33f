/** What many checks look at. */
import type { KubeClient } from "#kube/client.ts";
import { controlPlaneVersion, installedValues } from "../../control-plane.ts";
import type { CheckScope } from "../check.ts";

const here = ({ client, linkerdNamespace }: CheckScope): [KubeClient, string] => [client(), linkerdNamespace];

/** The values of the installation, or null without one. */
export async function installedHere(scope: CheckScope): Promise<Record<string, unknown> | null> {
  return await scope.facts.once("values", () => installedValues(...here(scope)));
}

/** The version of the control plane. Throws "not-found" without one. */
export async function versionHere(scope: CheckScope): Promise<string> {
  return await scope.facts.once("version", () => controlPlaneVersion(...here(scope)));
}
