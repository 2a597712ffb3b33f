/** Request bodies: JSON, YAML or Kubernetes' protobuf, bounded. */
import { parse as parseYaml } from "yaml";
import type { Types } from "../schema/notation.ts";
import { decodeProtobuf } from "../schema/protobuf.ts";
import { badRequest, StatusError } from "../status-error.ts";

/** Bytes; larger bodies are refused with 413. */
export const maxBody = 3 * 1024 * 1024;

/** The parsed body; undefined when it is empty. */
export async function readBody(request: Request, types: Types): Promise<unknown> {
  const type = request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase() ?? "application/json";
  if (type.includes("protobuf")) return decodeProtobuf(types, new Uint8Array(await request.arrayBuffer()));
  const body = await request.text();
  if (body.length > maxBody) {
    throw new StatusError("RequestEntityTooLarge", `Request entity too large: limit is ${maxBody}`);
  }
  if (body.trim() === "") return undefined;
  try {
    return type.includes("yaml") ? (parseYaml(body, { maxAliasCount: 100 }) as unknown) : (JSON.parse(body) as unknown);
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message.split("\n")[0] : String(thrown);
    throw badRequest(`The body of the request can't be read as ${type.includes("yaml") ? "YAML" : "JSON"}: ${reason}`);
  }
}
