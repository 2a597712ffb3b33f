import { readFile } from "node:fs/promises";
import type { Clock } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import type { CredentialSource } from "./access.ts";

/** ms between readings: the kubelet replaces a token when 80 % of its life (≥ 10 minutes) is over. */
const rereadAfter = 60_000;

/** A bearer token in a file that is replaced while we run. When a reading fails the last token is used on. */
export function tokenFile(path: string, clock: Clock): CredentialSource {
  let cached: { readonly token: string; readonly at: number } | null = null;
  let fresh = false;
  return {
    async get() {
      if (cached !== null && fresh && clock.now() - cached.at < rereadAfter) return { token: cached.token };
      try {
        const token = (await readFile(path, "utf8")).trim();
        cached = { token, at: clock.now() };
        fresh = true;
        return { token };
      } catch (thrown) {
        if (cached !== null) return { token: cached.token };
        throw new MeshError("environment", `Failed to read the token file "${path}"`, { cause: thrown });
      }
    },
    invalidate() {
      fresh = false;
      return cached !== null;
    },
  };
}
