/** What changes in a head that passes through: hop-by-hop fields go, control headers of the mesh can't be forged. */
import { isAll, isTokenChar } from "#wire/http1/chars.ts";
import type { RequestHead, ResponseHead } from "#wire/http1/head.ts";

/** Fields of one connection only (RFC 9110 §7.6.1); framing is written anew. */
export const hopByHop: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
]);

/** Fields that Connection cannot take away: without them the message means something else. */
export const keptFields: ReadonlySet<string> = new Set([
  "host",
  "content-length",
  "content-type",
  "authorization",
  "cookie",
]);

/** Every header of this prefix in a request belongs to the mesh, and is believed from nobody. */
export const meshPrefix = "l5d-";

/** Whether a list of protocols has HTTP/2 by one of its names, or something that is no name: servers differ in what they take for one. */
export function mayBeHttp2(upgrade: string): boolean {
  return upgrade.split(",").some((item) => {
    const [name = "", version = "1"] = item
      .replaceAll(/^[ \t]+|[ \t]+$/g, "")
      .toLowerCase()
      .split("/");
    if (name === "") return false;
    return /^h2(?:c|$)/.test(name) || name === "http" || !isAll(name, isTokenChar) || !isAll(version, isTokenChar);
  });
}

/** The protocol that a request may switch to, or null. Not HTTP/2: a tunnel would carry requests past the policy. */
export function allowedUpgrade(head: RequestHead): string | null {
  const upgrade = head.upgrade;
  return upgrade === null || head.body !== "none" || mayBeHttp2(upgrade) ? null : upgrade;
}

/**
 * The head to send to the server, without the empty line, so that fields may follow.
 * @param authority replaces Host, or null
 */
export function forwardedRequest(head: RequestHead, authority: string | null): string {
  const { headers, rawNames, connectionNames } = head;
  // The authority of an absolute-form target replaces Host (RFC 9112 §3.2.2).
  const host = authority ?? (head.path !== head.target && head.path !== "" ? head.authority : null);
  let text = `${head.method} ${head.target} HTTP/1.${head.minor}\r\n`;
  for (let index = 0; index < rawNames.length; index++) {
    const name = headers[index * 2] ?? "";
    if (hopByHop.has(name) || name.startsWith(meshPrefix)) continue;
    if (connectionNames.length > 0 && connectionNames.includes(name) && !keptFields.has(name)) continue;
    if (host !== null && name === "host") text += `${rawNames[index]}: ${host}\r\n`;
    else text += `${rawNames[index]}: ${headers[index * 2 + 1]}\r\n`;
  }
  if (head.body === "chunked") text += "transfer-encoding: chunked\r\n";
  const upgrade = allowedUpgrade(head);
  if (upgrade !== null) text += `connection: upgrade\r\nupgrade: ${upgrade}\r\n`;
  return text;
}

/**
 * The head to send to the client, without the empty line; `connection` and `transfer-encoding` follow where needed.
 * @param strip further names to remove
 */
export function forwardedResponse(head: ResponseHead, strip: ReadonlySet<string>): string {
  const { headers, rawNames, connectionNames } = head;
  const bodyless = head.status < 200 || head.status === 204;
  let text = `HTTP/1.1 ${head.status} ${head.reason}\r\n`;
  for (let index = 0; index < rawNames.length; index++) {
    const name = headers[index * 2] ?? "";
    if (hopByHop.has(name) || strip.has(name)) continue;
    if (bodyless && name === "content-length") continue;
    if (connectionNames.length > 0 && connectionNames.includes(name) && !keptFields.has(name)) continue;
    text += `${rawNames[index]}: ${headers[index * 2 + 1]}\r\n`;
  }
  if (head.status === 101 && head.upgrade !== null) text += `connection: upgrade\r\nupgrade: ${head.upgrade}\r\n`;
  return text;
}
