/** What form of answer the client asked for. */
import { StatusError } from "../status-error.ts";

export type Form = "object" | "table" | "metadata" | "discovery";

/** Reads an Accept header; entries that this server can't produce (protobuf) are passed over. */
export function acceptedForm(header: string | null): Form {
  if (header === null || header.trim() === "") return "object";
  for (const entry of header.split(",")) {
    const [type = "", ...parameters] = entry.split(";").map((part) => part.trim());
    const as = parameters.find((part) => part.startsWith("as="))?.slice(3);
    if (type !== "application/json" && type !== "*/*" && type !== "application/*" && type !== "text/plain") continue;
    if (as === undefined) return "object";
    if (as === "Table") return "table";
    if (as === "PartialObjectMetadata" || as === "PartialObjectMetadataList") return "metadata";
    if (as === "APIGroupDiscoveryList" && parameters.includes("v=v2")) return "discovery";
  }
  throw new StatusError("NotAcceptable", "only the following media types are accepted: application/json");
}
