/** The forms of PATCH by media type, and how each changes an object. */
import type { FieldType, Types } from "../schema/notation.ts";
import { StatusError } from "../status-error.ts";
import { jsonPatch } from "./json-patch.ts";
import { mergePatch } from "./merge-patch.ts";
import { strategicPatch } from "./strategic.ts";

export type PatchForm = "json" | "merge" | "strategic" | "apply";

const media: Readonly<Record<string, PatchForm>> = {
  "application/json-patch+json": "json",
  "application/merge-patch+json": "merge",
  "application/strategic-merge-patch+json": "strategic",
  "application/apply-patch+yaml": "apply",
  "application/apply-patch+json": "apply",
};

export function patchForm(contentType: string): PatchForm {
  const form = media[contentType.split(";")[0]?.trim().toLowerCase() ?? ""];
  if (form !== undefined) return form;
  const known = Object.keys(media).join(", ");
  throw new StatusError(
    "UnsupportedMediaType",
    `the body of the request was in an unknown format - accepted media types include: ${known}`,
  );
}

/** The object after the patch, not yet decoded. Custom resources don't understand strategic patches (415, as in Kubernetes). */
export function patched(
  types: Types,
  root: FieldType | null,
  strategic: boolean,
  form: PatchForm,
  current: unknown,
  patch: unknown,
): unknown {
  switch (form) {
    case "json":
      return jsonPatch(current, patch);
    case "merge":
      return mergePatch(current, patch);
    case "apply":
      return strategicPatch(types, root, current, patch);
    default:
      if (!strategic) {
        throw new StatusError(
          "UnsupportedMediaType",
          "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
        );
      }
      return strategicPatch(types, root, current, patch);
  }
}
