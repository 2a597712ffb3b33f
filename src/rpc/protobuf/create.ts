import {
  type DescMessage,
  type Field,
  type Message,
  type MessageInitShape,
  type MessageShape,
  fieldType,
} from "./types.ts";

/** A message's properties, without the types that only the compiler knows. */
export type Properties = Record<string, unknown>;

/** The value of a member of a oneof. */
export interface Chosen {
  readonly case: string | undefined;
  readonly value?: unknown;
}

/** What a field is when nothing was given: undefined for messages, whose absence means something. */
export function zeroOf(field: Field): unknown {
  switch (field.type) {
    case fieldType.string:
      return "";
    case fieldType.bytes:
      return new Uint8Array(0);
    case fieldType.bool:
      return false;
    case fieldType.message:
      return undefined;
    case fieldType.int64:
    case fieldType.uint64:
    case fieldType.sint64:
    case fieldType.fixed64:
    case fieldType.sfixed64:
      return 0n;
    default:
      return 0;
  }
}

/** A message with nothing set. */
export function empty(desc: DescMessage): Properties {
  const message: Properties = { $typeName: desc.typeName };
  for (const field of desc.fields) {
    if (field.oneof !== null) message[field.oneof] ??= { case: undefined };
    else if (field.map !== null) message[field.localName] = {};
    else if (field.repeated) message[field.localName] = [];
    else if (field.type !== fieldType.message) message[field.localName] = zeroOf(field);
  }
  return message;
}

function fill(field: Field, value: unknown): unknown {
  return field.message === null ? value : create(field.message, value as Properties);
}

/** Makes a message of parts of one. A complete message is returned as it is, here and inside. */
export function create<D extends DescMessage>(desc: D, init?: MessageInitShape<D>): MessageShape<D> {
  const given = (init ?? {}) as Properties;
  if ((given as Partial<Message>).$typeName === desc.typeName) return given as unknown as MessageShape<D>;
  const message = empty(desc);
  for (const field of desc.fields) {
    if (field.oneof !== null) {
      const chosen = given[field.oneof] as Chosen | undefined;
      if (chosen?.case === field.localName)
        message[field.oneof] = { case: chosen.case, value: fill(field, chosen.value) };
      continue;
    }
    const value = given[field.localName];
    if (value === undefined || value === null) continue;
    if (field.map !== null) {
      const copy: Properties = {};
      for (const [key, item] of Object.entries(value)) copy[key] = fill(field.map.value, item);
      message[field.localName] = copy;
    } else if (field.repeated) message[field.localName] = (value as unknown[]).map((item) => fill(field, item));
    else message[field.localName] = fill(field, value);
  }
  return message as unknown as MessageShape<D>;
}
