/**
 * Types of messages and of what describes them. Generated files (`../gen`) are written in these words; they have the
 * names that the generator uses, so that its output needs no change but where it imports from.
 */

/** What every message has: its full name, so that a message can be told from the data to make one of. */
export interface Message<TypeName extends string = string> {
  readonly $typeName: TypeName;
}

/** An enum value that this version of the API doesn't know. */
export type UnknownEnum = number & { readonly $unknown?: never };

/** Describes a message; made by generated files. The type parameter exists for the compiler only. */
export interface DescMessage {
  readonly kind: "message";
  /** With its package, for example "io.linkerd.proxy.net.TcpAddress". */
  readonly typeName: string;
  /** In the order of the file. */
  readonly fields: readonly Field[];
  /** Messages declared inside of it. */
  readonly nestedMessages: readonly DescMessage[];
}

export interface GenMessage<T extends Message> extends DescMessage {
  readonly $shape?: T;
}

/** Describes an enum: names and numbers. */
export interface DescEnum {
  readonly kind: "enum";
  readonly typeName: string;
  readonly values: ReadonlyMap<number, string>;
}

export interface GenEnum<T extends number> extends DescEnum {
  readonly $shape?: T;
}

/** Describes a file. */
export interface GenFile {
  readonly messages: readonly DescMessage[];
  readonly services: readonly DescService[];
}

export type MethodKind = "unary" | "server_streaming" | "client_streaming" | "bidi_streaming";

export interface DescMethod {
  /** As in the .proto file. */
  readonly name: string;
  /** In lower camel case. */
  readonly localName: string;
  readonly methodKind: MethodKind;
  readonly input: DescMessage;
  readonly output: DescMessage;
  readonly parent: DescService;
}

/** The same without the service it belongs to, as it is written in generated files. */
interface MethodTypes {
  readonly [localName: string]: Pick<DescMethod, "methodKind" | "input" | "output">;
}

export type DescMethodUnary<I extends DescMessage, O extends DescMessage> = DescMethod & {
  readonly methodKind: "unary";
  readonly input: I;
  readonly output: O;
};

export type DescMethodServerStreaming<I extends DescMessage, O extends DescMessage> = DescMethod & {
  readonly methodKind: "server_streaming";
  readonly input: I;
  readonly output: O;
};

export interface DescService {
  readonly kind: "service";
  readonly typeName: string;
  readonly methods: readonly DescMethod[];
  readonly method: { readonly [localName: string]: DescMethod };
}

export interface GenService<M extends MethodTypes> extends DescService {
  readonly method: { readonly [K in keyof M]: DescMethod & M[K] };
}

/** The numbers that descriptors give to types (descriptor.proto); groups don't exist in proto3. */
export const fieldType = {
  double: 1,
  float: 2,
  int64: 3,
  uint64: 4,
  int32: 5,
  fixed64: 6,
  fixed32: 7,
  bool: 8,
  string: 9,
  message: 11,
  bytes: 12,
  uint32: 13,
  enum: 14,
  sfixed32: 15,
  sfixed64: 16,
  sint32: 17,
  sint64: 18,
} as const;
export type FieldType = (typeof fieldType)[keyof typeof fieldType];

export interface Field {
  /** As in the .proto file. */
  readonly name: string;
  /** The property of a message, in lower camel case; also its name in JSON. */
  readonly localName: string;
  readonly number: number;
  readonly type: FieldType;
  readonly repeated: boolean;
  /** The property of the oneof that it is a member of, or null. */
  readonly oneof: string | null;
  /** Set for maps: `type` is message then, and this its two fields. */
  readonly map: { readonly key: Field; readonly value: Field } | null;
  /** Of a message field that is not a map. */
  readonly message: DescMessage | null;
  readonly enum: DescEnum | null;
}

/** The TypeScript type of a message. */
export type MessageShape<D extends DescMessage> = D extends GenMessage<infer T> ? T : Message;

/** What `create` makes a message of: any part of it, nested messages as plain data too. */
export type MessageInitShape<D extends DescMessage> =
  D extends GenMessage<infer T> ? MessageInit<T> : Record<string, unknown>;

type MessageInit<T extends Message> = T | { [K in keyof T as K extends "$typeName" ? never : K]?: FieldInit<T[K]> };
type FieldInit<F> = F extends Uint8Array | bigint | boolean | string | number
  ? F
  : F extends Array<infer U>
    ? ReadonlyArray<FieldInit<U>>
    : F extends Message
      ? MessageInit<F>
      : F extends { case: infer C extends string; value: infer V }
        ? { case: C; value: FieldInit<V> }
        : F;
