/**
 * Kubernetes' protobuf encoding of requests (API concepts, "Kubernetes Protobuf encoding"): kubectl's typed commands
 * (create namespace, create deployment, auth can-i …) send nothing else. Only requests are read; answers are JSON.
 */
import { badRequest, StatusError } from "../status-error.ts";
import type { Field, FieldType, Types } from "./notation.ts";

type Rec = Record<string, unknown>;

/** "k8s" and a zero byte start every body. */
const magic = [0x6b, 0x38, 0x73, 0x00];

/** Message levels at most. */
const maxDepth = 40;

/**
 * Numbers of which zero means something. All others are left out when they are zero, as the JSON form does: the encoding
 * always writes numbers that aren't optional.
 */
const zeroCounts = new Set([
  "replicas",
  "parallelism",
  "completions",
  "backoffLimit",
  "runAsUser",
  "runAsGroup",
  "fsGroup",
  "gracePeriodSeconds",
  "terminationGracePeriodSeconds",
  "activeDeadlineSeconds",
  "ttlSecondsAfterFinished",
  "revisionHistoryLimit",
  "successfulJobsHistoryLimit",
  "failedJobsHistoryLimit",
  "minAvailable",
  "maxUnavailable",
  "maxSurge",
  "partition",
]);

/** Flags that aren't optional either: false is the same as absent. */
const falseIsAbsent = new Set([
  "hostIPC",
  "hostNetwork",
  "hostPID",
  "paused",
  "publishNotReadyAddresses",
  "readOnly",
  "stdin",
  "stdinOnce",
  "tty",
  "unschedulable",
]);

function isAbsent(name: string, value: unknown): boolean {
  if (value === "" || value === undefined) return true;
  return (value === 0 && !zeroCounts.has(name)) || (value === false && falseIsAbsent.has(name));
}

interface Entry {
  readonly number: number;
  readonly varint: bigint;
  /** Null for a number. */
  readonly bytes: Buffer | null;
}

function broken(): StatusError {
  return badRequest("The body of the request can't be read as protobuf");
}

function readVarint(bytes: Buffer, at: number): [value: bigint, next: number] {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = bytes[at++];
    if (byte === undefined) throw broken();
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return [BigInt.asIntN(64, value), at];
  }
  throw broken();
}

function* entries(bytes: Buffer): Generator<Entry> {
  let at = 0;
  while (at < bytes.length) {
    let tag: bigint;
    [tag, at] = readVarint(bytes, at);
    const number = Number(tag >> 3n);
    let value = 0n;
    switch (Number(tag & 7n)) {
      case 0:
        [value, at] = readVarint(bytes, at);
        yield { number, varint: value, bytes: null };
        break;
      case 1:
        at += 8;
        break;
      case 2: {
        [value, at] = readVarint(bytes, at);
        const end = at + Number(value);
        if (value < 0n || end > bytes.length) throw broken();
        yield { number, varint: 0n, bytes: bytes.subarray(at, end) };
        at = end;
        break;
      }
      case 5:
        at += 4;
        break;
      default:
        throw broken();
    }
  }
}

function bytesOf(entry: Entry): Buffer {
  if (entry.bytes === null) throw broken();
  return entry.bytes;
}

/** seconds = 1, nanos = 2; a message without seconds is Go's zero time. */
function time(bytes: Buffer): string | undefined {
  let seconds = 0n;
  for (const entry of entries(bytes)) if (entry.number === 1) seconds = entry.varint;
  if (seconds === 0n || seconds < -8_640_000_000_000n || seconds > 8_640_000_000_000n) return undefined;
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}Z`;
}

/** type = 1 (0: number, 1: text), intVal = 2, strVal = 3. */
function intOrString(bytes: Buffer): unknown {
  let kind = 0n;
  let number = 0n;
  let string = "";
  for (const entry of entries(bytes)) {
    if (entry.number === 1) kind = entry.varint;
    else if (entry.number === 2) number = entry.varint;
    else if (entry.number === 3) string = bytesOf(entry).toString();
  }
  return kind === 1n ? string : Number(number);
}

class Reader {
  private readonly types: Types;
  private depth = 0;

  constructor(types: Types) {
    this.types = types;
  }

  message(name: string, bytes: Buffer): Rec {
    const byNumber = new Map<string, Field>();
    for (const field of this.types.get(name)?.fields.values() ?? [])
      if (field.number !== "") byNumber.set(field.number, field);
    const result: Rec = {};
    this.depth++;
    if (this.depth > maxDepth) throw broken();
    this.fields(byNumber, "", bytes, result);
    this.depth--;
    return result;
  }

  private fields(byNumber: ReadonlyMap<string, Field>, prefix: string, bytes: Buffer, into: Rec): void {
    for (const entry of entries(bytes)) {
      const number = `${prefix}${entry.number}`;
      const field = byNumber.get(number);
      if (field !== undefined) this.put(field, entry, into);
      else if (
        entry.bytes !== null &&
        prefix === "" &&
        [...byNumber.keys()].some((key) => key.startsWith(`${number}.`))
      ) {
        this.fields(byNumber, `${number}.`, entry.bytes, into);
      }
    }
  }

  private put(field: Field, entry: Entry, into: Rec): void {
    const { name, type } = field;
    // Requests say nothing by their status, and an empty message says nothing at all.
    if (type.kind === "any" && (name === "status" || entry.bytes?.length === 0)) return;
    if (type.kind === "list") {
      const list = (into[name] ??= []) as unknown[];
      list.push(this.value(type.item, entry, name));
    } else if (type.kind === "map") {
      const map = (into[name] ??= {}) as Rec;
      let key = "";
      let value: unknown = type.value.kind === "string" ? "" : undefined;
      for (const part of entries(bytesOf(entry))) {
        if (part.number === 1) key = bytesOf(part).toString();
        else if (part.number === 2) value = this.value(type.value, part, name);
      }
      map[key] = value;
    } else {
      const value = this.value(type, entry, name);
      if (!isAbsent(name, value)) into[name] = value;
    }
  }

  private value(type: FieldType, entry: Entry, name: string): unknown {
    switch (type.kind) {
      case "int":
        return Number(entry.varint);
      case "bool":
        return entry.varint !== 0n;
      case "bytes":
        return bytesOf(entry).toString("base64");
      case "time":
        return time(bytesOf(entry));
      case "intstr":
        return intOrString(bytesOf(entry));
      case "quantity": {
        let amount = "0";
        for (const part of entries(bytesOf(entry))) if (part.number === 1) amount = bytesOf(part).toString();
        return amount;
      }
      case "object":
        return this.message(type.name, bytesOf(entry));
      case "string":
      case "enum":
        return bytesOf(entry).toString();
      default:
        throw new StatusError("UnsupportedMediaType", `The field "${name}" can't be read from protobuf; send JSON`);
    }
  }
}

/** The object in a protobuf body, as its JSON form would be parsed. Throws 400 and 415. */
export function decodeProtobuf(types: Types, body: Uint8Array): Rec {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (magic.some((byte, index) => bytes[index] !== byte)) throw broken();
  let apiVersion = "";
  let kind = "";
  let raw = Buffer.alloc(0);
  // runtime.Unknown: typeMeta = 1 { apiVersion = 1, kind = 2 }, raw = 2.
  for (const entry of entries(bytes.subarray(magic.length))) {
    if (entry.number === 1) {
      for (const part of entries(bytesOf(entry))) {
        if (part.number === 1) apiVersion = bytesOf(part).toString();
        else if (part.number === 2) kind = bytesOf(part).toString();
      }
    } else if (entry.number === 2) raw = Buffer.from(bytesOf(entry));
  }
  const readable = [...(types.get(kind)?.fields.values() ?? [])].some((field) => field.number !== "");
  if (!readable) {
    throw new StatusError("UnsupportedMediaType", `Objects of kind "${kind}" can't be read from protobuf; send JSON`);
  }
  return { apiVersion, kind, ...new Reader(types).message(kind, raw) };
}
