import { MeshError } from "#lib/errors.ts";
import { type Field, classifyName, isFieldValue, nameKind } from "./hpack/field.ts";

/**
 * One header section: names and values alternate in `fields`, pseudo-headers first. It never changes once made, so that
 * one object can stand for every repetition of the same bytes, and both HPACK directions can remember it.
 */
export class HeaderBlock {
  readonly fields: readonly string[];
  /** Where in `fields` the first ordinary name is. */
  readonly regularStart: number;
  /** RFC 9113 §6.5.2: names and values plus 32 per field. */
  readonly size: number;
  readonly kind: "request" | "response" | "trailers";
  /** Pseudo-headers; "" when absent. */
  readonly method: string;
  readonly scheme: string;
  readonly authority: string;
  readonly path: string;
  /** 100–599, or 0 when this is not a response. */
  readonly status: number;
  /** -1 when absent. */
  readonly contentLength: number;
  /** Why the section is malformed (RFC 9113 §8.1.1), or null. Such a section never reaches a handler. */
  readonly malformed: string | null;
  /** The list was over a limit; `fields` holds only its start. */
  readonly tooLarge: boolean;
  /** Positions of names in `fields` whose values must never enter a compression table (RFC 7541 §7.1.3). */
  readonly neverIndexed: readonly number[] | null;
  /** Not 0: the block comes back often; encoders remember its bytes under this number. Set by who shares the block. */
  memoKey = 0;

  constructor(parts: Omit<HeaderBlock, "memoKey" | "get">) {
    this.fields = parts.fields;
    this.regularStart = parts.regularStart;
    this.size = parts.size;
    this.kind = parts.kind;
    this.method = parts.method;
    this.scheme = parts.scheme;
    this.authority = parts.authority;
    this.path = parts.path;
    this.status = parts.status;
    this.contentLength = parts.contentLength;
    this.malformed = parts.malformed;
    this.tooLarge = parts.tooLarge;
    this.neverIndexed = parts.neverIndexed;
  }

  /** The first value of an ordinary field, or null. `name` in lower case. */
  get(name: string): string | null {
    const fields = this.fields;
    for (let at = this.regularStart; at < fields.length; at += 2) {
      if (fields[at] === name) return fields[at + 1]!;
    }
    return null;
  }
}

/** Collects the fields of one section and judges them on the way. Reused: `start`, `add`…, `finish`. */
export class BlockBuilder {
  private readonly maxBytes: number;
  private readonly maxCount: number;
  private fields: string[] = [];
  private regularStart = -1;
  private size = 0;
  private count = 0;
  private method = "";
  private scheme = "";
  private authority = "";
  private path = "";
  private status = 0;
  private contentLength = -1;
  private host: string | null = null;
  private seen = 0;
  private malformed: string | null = null;
  private tooLarge = false;
  private neverIndexed: number[] | null = null;

  constructor(maxBytes: number, maxCount: number) {
    this.maxBytes = maxBytes;
    this.maxCount = maxCount;
  }

  start(): void {
    this.fields = [];
    this.regularStart = -1;
    this.size = this.count = this.status = this.seen = 0;
    this.method = this.scheme = this.authority = this.path = "";
    this.contentLength = -1;
    this.host = this.malformed = this.neverIndexed = null;
    this.tooLarge = false;
  }

  /** Of the fields so far, those over the limit included. */
  get bytes(): number {
    return this.size;
  }

  add(field: Field, never: boolean): void {
    this.size += field.size;
    if (++this.count > this.maxCount || this.size > this.maxBytes) {
      this.tooLarge = true;
      return;
    }
    const fields = this.fields;
    if (never) (this.neverIndexed ??= []).push(fields.length);
    fields.push(field.name, field.value);
    if (!field.validValue) this.malformed ??= `The value of "${field.name}" has a forbidden character`;
    const kind = field.nameKind;
    if (kind === nameKind.regular) {
      if (this.regularStart < 0) this.regularStart = fields.length - 2;
    } else if (kind <= nameKind.status) this.pseudo(kind, field);
    else {
      if (this.regularStart < 0) this.regularStart = fields.length - 2;
      this.special(field);
    }
  }

  private pseudo(kind: number, { name, value }: Field): void {
    if (this.regularStart >= 0) this.malformed ??= `"${name}" comes after an ordinary field`;
    if (this.seen & (1 << kind)) this.malformed ??= `"${name}" is given twice`;
    this.seen |= 1 << kind;
    if (kind === nameKind.method) this.method = value;
    else if (kind === nameKind.scheme) this.scheme = value;
    else if (kind === nameKind.authority) this.authority = value;
    else if (kind === nameKind.path) this.path = value;
    else if (isStatus(value)) this.status = Number(value);
    else this.malformed ??= `The status "${value}" is not one of HTTP/2`;
  }

  private special({ name, value, nameKind: kind }: Field): void {
    if (kind === nameKind.contentLength) {
      if (this.contentLength >= 0) this.malformed ??= `"content-length" is given twice`;
      else if (/^\d{1,15}$/.test(value)) this.contentLength = Number(value);
      else this.malformed ??= `"content-length" is not a number`;
    } else if (kind === nameKind.te) {
      if (value !== "trailers") this.malformed ??= `"te" is other than "trailers"`;
    } else if (kind === nameKind.host) {
      if (this.host !== null) this.malformed ??= `"host" is given twice`;
      this.host = value;
    } else if (kind === nameKind.connectionSpecific) this.malformed ??= `"${name}" is not allowed in HTTP/2`;
    else this.malformed ??= `The field name "${name}" is invalid`;
  }

  private has(kind: number): boolean {
    return (this.seen & (1 << kind)) !== 0;
  }

  /** RFC 9113 §8.3.1, §8.3.2 and §8.1: which pseudo-headers must be there and which must not. */
  private judge(kind: HeaderBlock["kind"]): void {
    if (this.tooLarge) return;
    if (kind === "response") {
      if (this.seen !== 1 << nameKind.status) this.malformed ??= "A response has pseudo-headers of a request";
      return;
    }
    if (kind === "trailers") {
      if (this.seen !== 0) this.malformed ??= `Pseudo-headers without ":method" or ":status"`;
      return;
    }
    if (this.has(nameKind.status)) this.malformed ??= `A request has ":status"`;
    if (this.method === "") this.malformed ??= `":method" is empty`;
    const connect = this.method === "CONNECT";
    const hasPath = this.has(nameKind.path);
    const hasScheme = this.has(nameKind.scheme);
    if (connect) {
      if (hasPath || hasScheme || this.authority === "")
        this.malformed ??= "CONNECT needs an authority and nothing else";
    } else if (!hasPath || !hasScheme) this.malformed ??= `":path" or ":scheme" is missing`;
    else if (!this.path.startsWith("/") && !(this.path === "*" && this.method === "OPTIONS")) {
      this.malformed ??= `":path" does not start with "/"`;
    }
    if (this.host !== null && this.authority !== "" && this.host !== this.authority) {
      this.malformed ??= `"host" and ":authority" differ`;
    }
    if (this.authority.includes("@")) this.malformed ??= `":authority" has user information`;
  }

  finish(): HeaderBlock {
    const kind = this.has(nameKind.method) ? "request" : this.has(nameKind.status) ? "response" : "trailers";
    this.judge(kind);
    return new HeaderBlock({
      fields: this.fields,
      regularStart: this.regularStart < 0 ? this.fields.length : this.regularStart,
      size: this.size,
      kind,
      method: this.method,
      scheme: this.scheme,
      authority: this.authority,
      path: this.path,
      status: this.status,
      contentLength: this.contentLength,
      malformed: this.malformed,
      tooLarge: this.tooLarge,
      neverIndexed: this.neverIndexed,
    });
  }
}

/**
 * The section with other fields, judged already: pseudo-headers first, up to `regularStart`. What never may enter a
 * table keeps that (RFC 7541 §7.1.3).
 */
export function blockWithFields(
  block: HeaderBlock,
  fields: readonly string[],
  regularStart: number,
  line: Partial<Pick<RequestLine, "authority" | "path">> = {},
): HeaderBlock {
  let size = 0;
  for (let at = 0; at < fields.length; at += 2) size += fields[at]!.length + fields[at + 1]!.length + 32;
  // Written out: copying all properties of an object costs as much as the rest of this.
  return new HeaderBlock({
    fields,
    regularStart,
    size,
    kind: block.kind,
    method: block.method,
    scheme: block.scheme,
    authority: line.authority ?? block.authority,
    path: line.path ?? block.path,
    status: block.status,
    contentLength: block.contentLength,
    malformed: block.malformed,
    tooLarge: block.tooLarge,
    neverIndexed: block.neverIndexed === null ? null : stillSecret(block, block.neverIndexed, fields),
  });
}

/** Where in `fields` those are that the block has among its never indexed ones. */
function stillSecret(
  block: HeaderBlock,
  neverIndexed: readonly number[],
  fields: readonly string[],
): readonly number[] | null {
  const never: number[] = [];
  for (let at = 0; at < fields.length; at += 2) {
    const same = (from: number): boolean =>
      block.fields[from] === fields[at] && block.fields[from + 1] === fields[at + 1];
    if (neverIndexed.some(same)) never.push(at);
  }
  return never.length === 0 ? null : never;
}

/** Three digits from 100 to 599; 101 is none of HTTP/2 (RFC 9113 §8.6). */
function isStatus(text: string): boolean {
  if (text.length !== 3 || text === "101") return false;
  const first = text.charCodeAt(0);
  return first >= 49 && first <= 53 && isDigit(text.charCodeAt(1)) && isDigit(text.charCodeAt(2));
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/** What a request needs beside its ordinary fields. */
export interface RequestLine {
  readonly method: string;
  readonly scheme: string;
  readonly authority: string;
  readonly path: string;
}

function made(
  kind: HeaderBlock["kind"],
  pseudo: string[],
  fields: readonly string[],
  line: Partial<RequestLine>,
  status: number,
): HeaderBlock {
  const all = [...pseudo, ...fields];
  let size = 0;
  let contentLength = -1;
  for (let at = 0; at < all.length; at += 2) {
    const name = all[at]!;
    const value = all[at + 1]!;
    const known = classifyName(name);
    if (known >= nameKind.connectionSpecific || (known <= nameKind.status && known !== 0 && at >= pseudo.length)) {
      throw new MeshError("invalid-argument", `The field name "${name}" can't be sent over HTTP/2`);
    }
    if (!isFieldValue(value)) throw new MeshError("invalid-argument", `The value of "${name}" can't be sent`);
    if (known === nameKind.contentLength) contentLength = Number(value);
    size += name.length + value.length + 32;
  }
  const { method = "", scheme = "", authority = "", path = "" } = line;
  return new HeaderBlock({
    fields: all,
    regularStart: pseudo.length,
    size,
    kind,
    method,
    scheme,
    authority,
    path,
    status,
    contentLength,
    malformed: null,
    tooLarge: false,
    neverIndexed: null,
  });
}

/** A request to send. `fields`: lower-case names and values alternate. Throws "invalid-argument" for what can't be sent. */
export function requestBlock(line: RequestLine, fields: readonly string[]): HeaderBlock {
  const pseudo = [":method", line.method];
  if (line.method !== "CONNECT") pseudo.push(":scheme", line.scheme);
  if (line.authority !== "") pseudo.push(":authority", line.authority);
  if (line.method !== "CONNECT") pseudo.push(":path", line.path);
  return made("request", pseudo, fields, line, 0);
}

/** A response, or an interim one when `status` is below 200, to send. */
export function responseBlock(status: number, fields: readonly string[]): HeaderBlock {
  return made("response", [":status", String(status)], fields, {}, status);
}

/** Trailers to send. */
export function trailerBlock(fields: readonly string[]): HeaderBlock {
  return made("trailers", [], fields, {}, 0);
}

/** Marks a block that will be sent again and again, so that encoders keep its bytes. Any number but 0; equal ones compete. */
export function repeated(block: HeaderBlock, key: number): HeaderBlock {
  block.memoKey = key;
  return block;
}
