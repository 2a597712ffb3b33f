/** The edge to issuers: one GET, with bounds. */
import { MeshError } from "#lib/errors.ts";
import { maxKeySetLength } from "#lib/jwt/key-set.ts";

/** ms for the whole answer. */
const timeout = 10_000;

/** Only what was asked for: a redirection would lead where nobody has looked. Nothing of an answer is told but its status. */
export async function fetchKeySet(uri: string, within: number = timeout): Promise<string> {
  let response: Response;
  try {
    response = await fetch(uri, {
      redirect: "manual",
      signal: AbortSignal.timeout(within),
      headers: { accept: "application/json" },
    });
    if (response.status === 200) return await bounded(response);
  } catch (thrown) {
    if (thrown instanceof MeshError) throw thrown;
    const late = thrown instanceof Error && thrown.name === "TimeoutError";
    if (late) throw new MeshError("timeout", `The issuer did not answer within ${within} ms`, { cause: thrown });
    const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "no connection";
    throw new MeshError("unavailable", `The issuer can't be reached (${code})`, { cause: thrown });
  }
  await response.body?.cancel();
  throw new MeshError("unavailable", `The issuer answered with status ${response.status}`);
}

async function bounded({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body ?? []) {
    length += chunk.length;
    if (length > maxKeySetLength) {
      throw new MeshError("invalid-argument", `The issuer's answer is longer than ${maxKeySetLength} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
