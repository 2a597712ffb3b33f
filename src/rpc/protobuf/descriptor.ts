/**
 * Descriptors as generated files need them: they hand over the compiled .proto file as base64 and name messages by
 * position. Nothing is read before a message or service is first used, and only what encoding needs is kept: a proxy
 * has ten megabytes for everything, of which full reflection would take half.
 */
import { MeshError } from "#lib/errors.ts";
import {
  type DescMethod,
  type Field,
  type FieldType,
  type GenFile,
  type GenMessage,
  type GenService,
  type Message,
  type MethodKind,
  fieldType,
} from "./types.ts";
import type { DescEnum, DescMessage, DescService, GenEnum } from "./types.ts";
import { WireReader } from "./wire-reader.ts";

export type { GenEnum, GenFile, GenMessage, GenService } from "./types.ts";

/** "retry_budget" → "retryBudget", as in JSON. */
export function camelCase(name: string): string {
  return name.replace(/_+(.?)/g, (_, next: string) => next.toUpperCase());
}

class MessageDescriptor implements DescMessage {
  readonly kind = "message";
  private readonly file: FileDescriptor;
  name = "";
  list: Field[] = [];
  /** Set for the entry type of a map field, which no file exports. */
  mapEntry = false;
  readonly nested: MessageDescriptor[] = [];
  readonly enums: EnumDescriptor[] = [];

  constructor(file: FileDescriptor) {
    this.file = file;
  }

  get typeName(): string {
    this.file.read();
    return this.name;
  }

  get fields(): readonly Field[] {
    this.file.read();
    return this.list;
  }

  get nestedMessages(): readonly DescMessage[] {
    this.file.read();
    return this.nested.filter((message) => !message.mapEntry);
  }
}

class EnumDescriptor implements DescEnum {
  readonly kind = "enum";
  private readonly file: FileDescriptor;
  name = "";
  readonly map = new Map<number, string>();

  constructor(file: FileDescriptor) {
    this.file = file;
  }

  get typeName(): string {
    this.file.read();
    return this.name;
  }

  get values(): ReadonlyMap<number, string> {
    this.file.read();
    return this.map;
  }
}

class ServiceDescriptor implements DescService {
  readonly kind = "service";
  private readonly file: FileDescriptor;
  name = "";
  readonly list: DescMethod[] = [];
  readonly byName: Record<string, DescMethod> = {};

  constructor(file: FileDescriptor) {
    this.file = file;
  }

  get typeName(): string {
    this.file.read();
    return this.name;
  }

  get methods(): readonly DescMethod[] {
    this.file.read();
    return this.list;
  }

  get method(): { readonly [localName: string]: DescMethod } {
    this.file.read();
    return this.byName;
  }
}

/** A field whose types are looked up when they are first asked for: files may be read in any order. */
class FieldDescriptor implements Field {
  name = "";
  localName = "";
  number = 0;
  type: FieldType = fieldType.int32;
  repeated = false;
  oneof: string | null = null;
  oneofIndex = -1;
  optional = false;
  private readonly file: FileDescriptor;
  typeName = "";
  private found: MessageDescriptor | null = null;

  constructor(file: FileDescriptor) {
    this.file = file;
  }

  private get target(): MessageDescriptor | null {
    if (this.type !== fieldType.message) return null;
    return (this.found ??= this.file.find(this.typeName, (file) => file.messagesByName));
  }

  get message(): DescMessage | null {
    const target = this.target;
    return target === null || target.mapEntry ? null : target;
  }

  get map(): { readonly key: Field; readonly value: Field } | null {
    const target = this.target;
    return target?.mapEntry === true ? { key: target.fields[0]!, value: target.fields[1]! } : null;
  }

  get enum(): DescEnum | null {
    return this.type === fieldType.enum ? this.file.find(this.typeName, (file) => file.enumsByName) : null;
  }
}

/** One .proto file. */
class FileDescriptor implements GenFile {
  readonly top: MessageDescriptor[] = [];
  readonly topEnums: EnumDescriptor[] = [];
  readonly topServices: ServiceDescriptor[] = [];
  readonly messagesByName = new Map<string, MessageDescriptor>();
  readonly enumsByName = new Map<string, EnumDescriptor>();
  private readonly imports: readonly FileDescriptor[];
  private base64: string | null;
  private package = "";

  constructor(base64: string, imports: readonly FileDescriptor[]) {
    this.base64 = base64;
    this.imports = imports;
  }

  get messages(): readonly DescMessage[] {
    this.read();
    return this.top;
  }

  get services(): readonly DescService[] {
    this.read();
    return this.topServices;
  }

  /** A type by its full name with a dot before it, in this file or one that it imports. */
  find<T>(name: string, table: (file: FileDescriptor) => ReadonlyMap<string, T>): T {
    const bare = name.slice(1);
    for (const file of [this, ...this.imports]) {
      file.read();
      const found = table(file).get(bare);
      if (found !== undefined) return found;
    }
    throw new MeshError("internal", `The generated messages lack "${bare}"`);
  }

  read(): void {
    if (this.base64 === null) return;
    const reader = new WireReader(Buffer.from(this.base64, "base64"));
    this.base64 = null;
    let messages = 0;
    let enums = 0;
    let services = 0;
    // The package stands before everything that is named in it.
    while (reader.next()) {
      if (reader.number === 2) this.package = reader.text();
      else if (reader.number === 4)
        this.readMessage(
          reader.nested(),
          at(this.top, messages++, () => new MessageDescriptor(this)),
          this.package,
        );
      else if (reader.number === 5)
        this.readEnum(
          reader.nested(),
          at(this.topEnums, enums++, () => new EnumDescriptor(this)),
          this.package,
        );
      else if (reader.number === 6)
        this.readService(
          reader.nested(),
          at(this.topServices, services++, () => new ServiceDescriptor(this)),
        );
      else reader.skip();
    }
  }

  private readMessage(reader: WireReader, message: MessageDescriptor, scope: string): void {
    const oneofs: string[] = [];
    const fields: FieldDescriptor[] = [];
    let nested = 0;
    let enums = 0;
    while (reader.next()) {
      if (reader.number === 1) {
        message.name = qualified(scope, reader.text());
        this.messagesByName.set(message.name, message);
      } else if (reader.number === 2) fields.push(this.readField(reader.nested()));
      else if (reader.number === 3) {
        this.readMessage(
          reader.nested(),
          at(message.nested, nested++, () => new MessageDescriptor(this)),
          message.name,
        );
      } else if (reader.number === 4) {
        this.readEnum(
          reader.nested(),
          at(message.enums, enums++, () => new EnumDescriptor(this)),
          message.name,
        );
      } else if (reader.number === 7) message.mapEntry = hasOption(reader.nested(), 7);
      else if (reader.number === 8) oneofs.push(nameOf(reader.nested()));
      else reader.skip();
    }
    for (const field of fields)
      if (field.oneofIndex >= 0 && !field.optional) field.oneof = camelCase(oneofs[field.oneofIndex]!);
    message.list = fields;
  }

  private readField(reader: WireReader): FieldDescriptor {
    const field = new FieldDescriptor(this);
    while (reader.next()) {
      if (reader.number === 1) {
        field.name = reader.text();
        field.localName = camelCase(field.name);
      } else if (reader.number === 3) field.number = reader.uint32();
      else if (reader.number === 4) field.repeated = reader.uint32() === 3;
      else if (reader.number === 5) field.type = reader.uint32() as FieldType;
      else if (reader.number === 6) field.typeName = reader.text();
      else if (reader.number === 9) field.oneofIndex = reader.uint32();
      else if (reader.number === 17) field.optional = reader.uint32() !== 0;
      else reader.skip();
    }
    return field;
  }

  private readEnum(reader: WireReader, target: EnumDescriptor, scope: string): void {
    while (reader.next()) {
      if (reader.number === 1) {
        target.name = qualified(scope, reader.text());
        this.enumsByName.set(target.name, target);
      } else if (reader.number === 2) {
        const value = reader.nested();
        let name = "";
        let number = 0;
        while (value.next()) {
          if (value.number === 1) name = value.text();
          else if (value.number === 2) number = value.uint32() | 0;
          else value.skip();
        }
        target.map.set(number, name);
      } else reader.skip();
    }
  }

  private readService(reader: WireReader, service: ServiceDescriptor): void {
    while (reader.next()) {
      if (reader.number === 1) service.name = qualified(this.package, reader.text());
      else if (reader.number === 2) {
        const method = this.readMethod(reader.nested(), service);
        service.list.push(method);
        service.byName[method.localName] = method;
      } else reader.skip();
    }
  }

  private readMethod(reader: WireReader, parent: DescService): DescMethod {
    let name = "";
    let input = "";
    let output = "";
    let client = false;
    let server = false;
    while (reader.next()) {
      if (reader.number === 1) name = reader.text();
      else if (reader.number === 2) input = reader.text();
      else if (reader.number === 3) output = reader.text();
      else if (reader.number === 5) client = reader.uint32() !== 0;
      else if (reader.number === 6) server = reader.uint32() !== 0;
      else reader.skip();
    }
    const methodKind: MethodKind = client
      ? server
        ? "bidi_streaming"
        : "client_streaming"
      : server
        ? "server_streaming"
        : "unary";
    const find = (typeName: string): DescMessage => this.find(typeName, (file) => file.messagesByName);
    return {
      name,
      localName: name.charAt(0).toLowerCase() + name.slice(1),
      methodKind,
      parent,
      get input() {
        return find(input);
      },
      get output() {
        return find(output);
      },
    };
  }
}

/** The element at `index`; generated files may have asked for it before the file was read. */
function at<T>(list: T[], index: number, make: () => T): T {
  return (list[index] ??= make());
}

function qualified(scope: string, name: string): string {
  return scope === "" ? name : `${scope}.${name}`;
}

function nameOf(reader: WireReader): string {
  let name = "";
  while (reader.next()) {
    if (reader.number === 1) name = reader.text();
    else reader.skip();
  }
  return name;
}

function hasOption(reader: WireReader, number: number): boolean {
  let set = false;
  while (reader.next()) {
    if (reader.number === number) set = reader.uint32() !== 0;
    else reader.skip();
  }
  return set;
}

// ---- What generated files call

/** A file from its compiled form. */
export function fileDesc(base64: string, imports: readonly GenFile[] = []): GenFile {
  return new FileDescriptor(base64, imports as readonly FileDescriptor[]);
}

/** The message at a position: of the file, then of each message that it is nested in. */
export function messageDesc<T extends Message>(file: GenFile, ...path: readonly number[]): GenMessage<T> {
  const owner = file as FileDescriptor;
  let list = owner.top;
  let found: MessageDescriptor | null = null;
  for (const index of path) {
    found = at(list, index, () => new MessageDescriptor(owner));
    list = found.nested;
  }
  return found as unknown as GenMessage<T>;
}

/** The enum at a position: the last number counts enums, those before it messages. */
export function enumDesc<T extends number>(file: GenFile, ...path: readonly number[]): GenEnum<T> {
  const owner = file as FileDescriptor;
  let messages = owner.top;
  let enums = owner.topEnums;
  for (const index of path.slice(0, -1)) {
    const parent = at(messages, index, () => new MessageDescriptor(owner));
    messages = parent.nested;
    enums = parent.enums;
  }
  return at(enums, path.at(-1)!, () => new EnumDescriptor(owner));
}

export function serviceDesc<M extends GenService<never>["method"]>(file: GenFile, index: number): GenService<M> {
  const owner = file as FileDescriptor;
  return at(owner.topServices, index, () => new ServiceDescriptor(owner)) as unknown as GenService<M>;
}
