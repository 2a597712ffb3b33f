/** Heads with changes: new ones, since a head may be shared. */
import type { FlatHeaders, RequestHead, ResponseHead } from "#wire/http1/head.ts";
import { blockWithFields, type HeaderBlock } from "#wire/http2/header-block.ts";
import type { HeaderChanges, RequestChanges } from "../route/filter.ts";
import { BlockRequest, BlockResponse } from "./h2/heads.ts";
import { hopByHop, meshPrefix } from "./rewrite.ts";

/** Fields that make a message what it is: nothing changes them. */
function fixed(name: string): boolean {
  return (
    hopByHop.has(name) ||
    name === "host" ||
    name === "content-length" ||
    name === "trailer" ||
    name.startsWith(":") ||
    name.startsWith(meshPrefix)
  );
}

interface Fields {
  readonly headers: FlatHeaders;
  readonly rawNames: readonly string[];
}

/** The fields after the changes; names that stay keep their spelling. */
function changed(fields: Fields, changes: readonly HeaderChanges[]): Fields {
  let headers = [...fields.headers];
  let rawNames = [...fields.rawNames];
  const drop = (gone: (name: string) => boolean): void => {
    const keep = rawNames.map((_, at) => !gone(headers[at * 2] ?? ""));
    rawNames = rawNames.filter((_, at) => keep[at]);
    headers = headers.filter((_, at) => keep[at >> 1]);
  };
  for (const { set, add, remove } of changes) {
    drop((name) => !fixed(name) && (remove.has(name) || namesOf(set).includes(name)));
    for (const list of [set, add]) {
      for (let at = 0; at < list.length; at += 2) {
        const name = list[at] ?? "";
        if (fixed(name)) continue;
        headers.push(name, list[at + 1] ?? "");
        rawNames.push(name);
      }
    }
  }
  return { headers, rawNames };
}

function namesOf(fields: FlatHeaders): string[] {
  return fields.filter((_, at) => at % 2 === 0);
}

/** The head to send on. */
export function changeRequest(head: RequestHead, changes: RequestChanges): RequestHead {
  if (!head.shared) return requestWith(head, changes);
  let known = changes.known.get(head);
  if (known === undefined) {
    known = requestWith(head, changes);
    known.shared = true;
    changes.known.set(head, known);
  }
  return known;
}

function requestWith(head: RequestHead, changes: RequestChanges): RequestHead {
  if (head instanceof BlockRequest) return blockWith(head, changes);
  const { headers, path, authority } = changes;
  let fields = changed(head, headers);
  const host = authority ?? head.authority;
  if (authority !== null) {
    const renamed = fields.headers.map((value, at) =>
      fields.headers[at - 1] === "host" && at % 2 === 1 ? host : value,
    );
    fields = { ...fields, headers: renamed };
  }
  const moved = path !== null || authority !== null;
  return {
    ...head,
    ...fields,
    target: moved ? (path ?? head.path) : head.target,
    path: path ?? head.path,
    authority: host,
    shared: false,
    forwarded: null,
  };
}

function blockWith(head: BlockRequest, changes: RequestChanges): RequestHead {
  const { block } = head;
  const path = changes.path ?? block.path;
  const authority = changes.authority ?? (block.authority || (block.get("host") ?? ""));
  const regular = regularOf(block, changes.headers);
  const fields = [":method", block.method, ":scheme", block.scheme, ":path", path];
  if (authority !== "") fields.splice(4, 0, ":authority", authority);
  const regularStart = fields.length;
  for (let at = 0; at < regular.length; at += 2) {
    if (regular[at] !== "host") fields.push(regular[at] ?? "", regular[at + 1] ?? "");
  }
  return new BlockRequest(blockWithFields(block, fields, regularStart, { path, authority }), head.body === "none");
}

function regularOf(block: HeaderBlock, changes: readonly HeaderChanges[]): FlatHeaders {
  const headers = block.fields.slice(block.regularStart);
  return changed({ headers, rawNames: namesOf(headers) }, changes).headers;
}

export function changeResponse(head: ResponseHead, changes: readonly HeaderChanges[]): ResponseHead {
  if (!(head instanceof BlockResponse)) return { ...head, ...changed(head, changes), shared: false, forwarded: null };
  const { block } = head;
  const fields = [...block.fields.slice(0, block.regularStart), ...regularOf(block, changes)];
  return new BlockResponse(blockWithFields(block, fields, block.regularStart), head.body === "none");
}
