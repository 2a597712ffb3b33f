/** JSON Patch (RFC 6902). */
import jsonpatch from "fast-json-patch";
import type { Operation } from "fast-json-patch";
import { errorChain } from "#lib/errors.ts";
import { StatusError } from "../status-error.ts";

/** Operations of one patch at most, as the API server of Kubernetes limits it. */
const maxOperations = 10_000;

/** The patched copy of `target`. A patch that can't be applied is a thrown 422, one that isn't a list 400. */
export function jsonPatch(target: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw new StatusError("BadRequest", "A JSON patch must be a list of operations");
  if (patch.length > maxOperations) {
    throw new StatusError("RequestEntityTooLarge", `The JSON patch has more than ${maxOperations} operations`);
  }
  try {
    return jsonpatch.applyPatch(structuredClone(target), structuredClone(patch) as Operation[], true, true, true)
      .newDocument;
  } catch (thrown) {
    // The library appends the whole document to its messages.
    const reason = errorChain(thrown).split("\n")[0] ?? "it can't be applied";
    throw new StatusError("Invalid", `the server rejected our request due to an error in our request: ${reason}`);
  }
}
