/** Are the mesh's own resource types there, in every version that this executable needs? */
import { MeshError } from "#lib/errors.ts";
import { missingCrds } from "../../crds-present.ts";
import type { Category, Check } from "../check.ts";

export const crdsExist: Check = {
  id: "l5d-existence-crd",
  description: "control plane CustomResourceDefinitions exist",
  fatal: true,
  run: async ({ client }) => {
    const missing = await missingCrds(client());
    if (missing.length > 0) throw new MeshError("not-found", missing.join(", "));
  },
};

export const linkerdCrd: Category = { id: "linkerd-crd", checks: [{ ...crdsExist, retry: true }] };
