import { type Chosen, type Properties, create, empty, zeroOf } from "./create.ts";
import { type DescMessage, type Field, type MessageShape, fieldType } from "./types.ts";
import { WireReader, wireType } from "./wire-reader.ts";
import { WireWriter } from "./wire-writer.ts";

/** The wire type of a field that is neither repeated nor a map. */
function wireTypeOf(field: Field): number {
  switch (field.type) {
    case fieldType.string:
    case fieldType.bytes:
    case fieldType.message:
      return wireType.length;
    case fieldType.double:
    case fieldType.fixed64:
    case fieldType.sfixed64:
      return wireType.bit64;
    case fieldType.float:
    case fieldType.fixed32:
    case fieldType.sfixed32:
      return wireType.bit32;
    default:
      return wireType.varint;
  }
}

// ---- Writing

/** The encoded message. Fields with their zero value are left out, as proto3 has it. */
export function toBinary<D extends DescMessage>(desc: D, message: MessageShape<D>): Buffer {
  const writer = new WireWriter();
  writeMessage(writer, desc, message as unknown as Properties);
  return writer.finish();
}

function writeMessage(writer: WireWriter, desc: DescMessage, message: Properties): void {
  for (const field of desc.fields) {
    if (field.oneof !== null) {
      const chosen = message[field.oneof] as Chosen | undefined;
      if (chosen?.case === field.localName) writeOne(writer, field, chosen.value);
      continue;
    }
    const value = message[field.localName];
    if (value === undefined) continue;
    if (field.map !== null) {
      const { key, value: valueField } = field.map;
      for (const [name, item] of Object.entries(value as Properties)) {
        writer.tag(field.number, wireType.length);
        const start = writer.begin();
        writeOne(writer, key, parseKey(key, name));
        writeOne(writer, valueField, item);
        writer.end(start);
      }
    } else if (field.repeated) writeList(writer, field, value as unknown[]);
    else if (!isZero(value)) writeOne(writer, field, value);
  }
}

function isZero(value: unknown): boolean {
  if (value instanceof Uint8Array) return value.length === 0;
  return value === 0 ? !Object.is(value, -0) : value === 0n || value === "" || value === false;
}

function writeList(writer: WireWriter, field: Field, values: readonly unknown[]): void {
  if (values.length === 0) return;
  if (wireTypeOf(field) === wireType.length) {
    for (const value of values) writeOne(writer, field, value);
    return;
  }
  writer.tag(field.number, wireType.length);
  const start = writer.begin();
  for (const value of values) writeScalar(writer, field, value);
  writer.end(start);
}

function writeOne(writer: WireWriter, field: Field, value: unknown): void {
  writer.tag(field.number, wireTypeOf(field));
  if (field.type !== fieldType.message) {
    writeScalar(writer, field, value);
    return;
  }
  const start = writer.begin();
  writeMessage(writer, field.message!, value as Properties);
  writer.end(start);
}

function writeScalar(writer: WireWriter, field: Field, value: unknown): void {
  switch (field.type) {
    case fieldType.string:
      return writer.text(value as string);
    case fieldType.bytes:
      return writer.binary(value as Uint8Array);
    case fieldType.bool:
      return writer.uint32(value === true ? 1 : 0);
    case fieldType.int32:
    case fieldType.enum:
      return (value as number) < 0 ? writer.varint(BigInt(value as number)) : writer.uint32(value as number);
    case fieldType.uint32:
      return writer.uint32(value as number);
    case fieldType.sint32:
      return writer.uint32((((value as number) << 1) ^ ((value as number) >> 31)) >>> 0);
    case fieldType.int64:
    case fieldType.uint64:
      return writer.varint(value as bigint);
    case fieldType.sint64:
      return writer.varint(((value as bigint) << 1n) ^ ((value as bigint) >> 63n));
    case fieldType.fixed32:
    case fieldType.sfixed32:
      return writer.fixed32(value as number);
    case fieldType.fixed64:
    case fieldType.sfixed64:
      return writer.fixed64(value as bigint);
    case fieldType.float:
      return writer.float(value as number);
    case fieldType.double:
      return writer.double(value as number);
    case fieldType.message:
      return undefined;
  }
}

/** Keys of a JavaScript object are strings; what the map's key type makes of one. */
function parseKey(key: Field, name: string): unknown {
  const zero = zeroOf(key);
  if (typeof zero === "string") return name;
  if (typeof zero === "boolean") return name === "true";
  return typeof zero === "bigint" ? BigInt(name) : Number(name);
}

// ---- Reading

/** Decodes a message. Fields that are not known are skipped. Throws "protocol" for broken bytes. */
export function fromBinary<D extends DescMessage>(desc: D, bytes: Uint8Array): MessageShape<D> {
  const message = empty(desc);
  readMessage(new WireReader(bytes), desc, message);
  return message as unknown as MessageShape<D>;
}

function readMessage(reader: WireReader, desc: DescMessage, message: Properties): void {
  const fields = desc.fields;
  let next = 0;
  while (reader.next()) {
    // Fields come in order nearly always: look at the one after the last.
    let field = fields[next];
    if (field?.number !== reader.number) {
      next = fields.findIndex((candidate) => candidate.number === reader.number);
      field = fields[next];
    }
    if (field === undefined) {
      next = 0;
      reader.skip();
      continue;
    }
    if (!field.repeated) next++;
    readField(reader, field, message);
  }
}

function readField(reader: WireReader, field: Field, message: Properties): void {
  const { oneof, localName } = field;
  if (oneof !== null) {
    const before = message[oneof] as Chosen;
    const value = readValue(reader, field, before.case === localName ? before.value : undefined);
    if (value !== skipped) message[oneof] = { case: localName, value };
  } else if (field.map !== null) readEntry(reader.nested(), field.map, message[localName] as Properties);
  else if (field.repeated) readItem(reader, field, message[localName] as unknown[]);
  else {
    const value = readValue(reader, field, message[localName]);
    if (value !== skipped) message[localName] = value;
  }
}

const skipped = Symbol("skipped");

/** One value, merged into `before` if that is a message; `skipped` when the wire type is another one's. */
function readValue(reader: WireReader, field: Field, before: unknown): unknown {
  if (reader.wire !== wireTypeOf(field)) {
    reader.skip();
    return skipped;
  }
  if (field.type !== fieldType.message) return readScalar(reader, field);
  const desc = field.message!;
  const message = (before ?? empty(desc)) as Properties;
  readMessage(reader.nested(), desc, message);
  return message;
}

function readItem(reader: WireReader, field: Field, list: unknown[]): void {
  if (reader.wire === wireType.length && wireTypeOf(field) !== wireType.length) {
    const packed = reader.nested();
    while (packed.at < packed.end) list.push(readScalar(packed, field));
    return;
  }
  const value = readValue(reader, field, undefined);
  if (value !== skipped) list.push(value);
}

function readEntry(
  reader: WireReader,
  { key, value }: { readonly key: Field; readonly value: Field },
  target: Properties,
): void {
  let name = zeroOf(key);
  let item = value.message === null ? zeroOf(value) : create(value.message);
  while (reader.next()) {
    const field = reader.number === 1 ? key : value;
    const read = reader.number <= 2 ? readValue(reader, field, undefined) : reader.skip();
    if (reader.number === 1 && read !== skipped) name = read;
    else if (reader.number === 2 && read !== skipped) item = read;
  }
  // A plain object must not get another prototype from outside.
  if (name !== "__proto__") target[String(name)] = item;
}

function readScalar(reader: WireReader, field: Field): unknown {
  switch (field.type) {
    case fieldType.string:
      return reader.text();
    case fieldType.bytes:
      return reader.binary();
    case fieldType.bool:
      return reader.varint() !== 0n;
    case fieldType.int32:
    case fieldType.enum:
      return reader.uint32() | 0;
    case fieldType.uint32:
      return reader.uint32();
    case fieldType.sint32: {
      const value = reader.uint32();
      return (value >>> 1) ^ -(value & 1);
    }
    case fieldType.int64:
      return BigInt.asIntN(64, reader.varint());
    case fieldType.uint64:
      return reader.varint();
    case fieldType.sint64: {
      const value = reader.varint();
      return (value >> 1n) ^ -(value & 1n);
    }
    case fieldType.fixed32:
      return reader.fixed32();
    case fieldType.sfixed32:
      return reader.fixed32() | 0;
    case fieldType.fixed64:
      return reader.fixed64();
    case fieldType.sfixed64:
      return BigInt.asIntN(64, reader.fixed64());
    case fieldType.float:
      return reader.float();
    case fieldType.double:
      return reader.double();
    case fieldType.message:
      return undefined;
  }
}
