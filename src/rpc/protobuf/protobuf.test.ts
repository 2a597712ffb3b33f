import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import * as oracle from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { type Random, seededRandom } from "#lib/random.ts";
import { file_destination, UpdateSchema, WeightedAddrSchema } from "#rpc/gen/destination_pb.ts";
import {
  file_http_types,
  HttpMethod_Registered,
  HttpMethod_RegisteredSchema,
  HttpMethodSchema,
} from "#rpc/gen/http_types_pb.ts";
import { file_identity } from "#rpc/gen/identity_pb.ts";
import { file_inbound } from "#rpc/gen/inbound_pb.ts";
import { file_outbound } from "#rpc/gen/outbound_pb.ts";
import { file_tap } from "#rpc/gen/tap_pb.ts";
import { file_transport_header } from "#rpc/gen/transport_header_pb.ts";
import { fromBinary, toBinary } from "./binary.ts";
import { create, type Properties, zeroOf } from "./create.ts";
import { camelCase } from "./descriptor.ts";
import { toJson } from "./json.ts";
import { type DescMessage, type Field, type MessageShape, fieldType } from "./types.ts";
import { DurationSchema, timestampFromMs, timestampMs } from "./well-known.ts";

const root = join(import.meta.dir, "../../..");
const buf = join(root, "node_modules/.bin/buf");
const texts = ["", "a", "web.emojivoto:80", "Grüße 🙂", "x".repeat(200)];

function randomScalar(field: Field, random: Random): unknown {
  const pick = (below: number): number => Math.floor(random.next() * below);
  const wide = BigInt(pick(2 ** 32)) * BigInt(pick(2 ** 31));
  switch (field.type) {
    case fieldType.string:
      return texts[pick(texts.length)];
    case fieldType.bytes:
      return Buffer.from(texts[pick(texts.length)]!);
    case fieldType.bool:
      return pick(2) === 1;
    case fieldType.int32:
      return pick(2 ** 32) - 2 ** 31;
    case fieldType.enum:
      return pick(3);
    case fieldType.int64:
      return pick(2) === 0 ? wide : -wide;
    case fieldType.float:
      return Math.fround(random.next() * 100);
    case fieldType.double:
      return random.next() * 100;
    default:
      return typeof zeroOf(field) === "bigint" ? wide : pick(2 ** 32);
  }
}

function randomValue(field: Field, random: Random, depth: number): unknown {
  return field.message === null ? randomScalar(field, random) : randomMessage(field.message, random, depth + 1);
}

function randomMessage(desc: DescMessage, random: Random, depth: number): Properties {
  const init: Properties = {};
  if (desc.typeName.startsWith("google.protobuf.")) {
    const digits = [1e9, 1e6, 1e3, 1][Math.floor(random.next() * 4)]!;
    return {
      seconds: BigInt(Math.floor(random.next() * 2 ** 31)),
      nanos: Math.floor((random.next() * 1e9) / digits) * digits,
    };
  }
  for (const field of desc.fields) {
    if (random.next() < 0.3 + depth * 0.1) continue;
    const few = Math.floor(random.next() * 4);
    if (field.oneof !== null) init[field.oneof] = { case: field.localName, value: randomValue(field, random, depth) };
    else if (field.map !== null) {
      const { value } = field.map;
      init[field.localName] = Object.fromEntries(
        Array.from({ length: few }, (_, index) => [`k${index}`, randomValue(value, random, depth)]),
      );
    } else if (field.repeated)
      init[field.localName] = Array.from({ length: few }, () => randomValue(field, random, depth));
    else init[field.localName] = randomValue(field, random, depth);
  }
  return init;
}

function make(desc: DescMessage, init: Properties): MessageShape<DescMessage> {
  return create(desc, init);
}

describe("Our protobuf runtime", () => {
  const files = [
    file_destination,
    file_http_types,
    file_identity,
    file_inbound,
    file_outbound,
    file_tap,
    file_transport_header,
  ];
  const messages = files.flatMap((file) => file.messages);

  test.skipIf(!existsSync(buf))(
    "writes, reads and prints like the reference implementation, 20 random messages of each type",
    () => {
      const built = Bun.spawnSync([buf, "build", "-o", "-"], { cwd: root });
      const set = oracle.fromBinary(FileDescriptorSetSchema, built.stdout);
      const registry = oracle.createFileRegistry(set);
      const random = seededRandom(3);
      expect(messages.length).toBeGreaterThan(50);
      for (const desc of messages) {
        const reference = registry.getMessage(desc.typeName)!;
        for (let round = 0; round < 20; round++) {
          const message = make(desc, randomMessage(desc, random, 0));
          const bytes = toBinary(desc, message);
          const theirs = oracle.fromBinary(reference, bytes);
          expect(toJson(desc, message)).toEqual(oracle.toJson(reference, theirs) as never);
          const back = oracle.toBinary(reference, theirs);
          expect(toJson(desc, fromBinary(desc, back))).toEqual(toJson(desc, message));
          expect(back.length).toBe(bytes.length);
        }
      }
    },
  );

  test("reads what it wrote, whole and typed", () => {
    const init = {
      update: {
        case: "add" as const,
        value: {
          addrs: [{ addr: { ip: { ip: { case: "ipv4" as const, value: 0x0a000001 } }, port: 80 }, weight: 10_000 }],
          metricLabels: { namespace: "ns", empty: "" },
        },
      },
    };
    const update = create(UpdateSchema, init);
    const read = fromBinary(UpdateSchema, toBinary(UpdateSchema, update));
    expect(read).toEqual(update);
    expect(read).toMatchObject(init);
    expect(read.$typeName).toBe("io.linkerd.proxy.destination.Update");
  });

  test("keeps complete messages and copies the rest", () => {
    const addr = create(WeightedAddrSchema, { weight: 1 });
    expect(create(WeightedAddrSchema, addr)).toBe(addr);
    const update = create(UpdateSchema, { update: { case: "add", value: { addrs: [addr] } } });
    expect(update.update.case === "add" && update.update.value.addrs[0]).toBe(addr);
    expect(addr.metricLabels).toEqual({});
    expect(addr.tlsIdentity).toBeUndefined();
  });

  test("merges a message that comes in parts, and takes the last of a scalar", () => {
    const parts = Buffer.concat([
      toBinary(WeightedAddrSchema, create(WeightedAddrSchema, { weight: 1, addr: { port: 80 } })),
      toBinary(
        WeightedAddrSchema,
        create(WeightedAddrSchema, { weight: 2, addr: { ip: { ip: { case: "ipv4", value: 1 } } } }),
      ),
    ]);
    expect(fromBinary(WeightedAddrSchema, parts)).toMatchObject({
      weight: 2,
      addr: { port: 80, ip: { ip: { case: "ipv4", value: 1 } } },
    });
  });

  test("skips fields that it doesn't know and wire types that don't fit", () => {
    const bytes = Buffer.from(
      "18059a060161a206020801a9060000000000000000b5060000000022 00 f80601".replaceAll(" ", ""),
      "hex",
    );
    expect(fromBinary(WeightedAddrSchema, bytes).weight).toBe(5);
    expect(fromBinary(WeightedAddrSchema, Buffer.from("1a0161", "hex")).weight).toBe(0);
  });

  test("refuses broken bytes, and survives all others", () => {
    for (const hex of ["0a", "0a05", "1a", "18", "18ffffffffffffffffffff01", "00", "0b", "0e"]) {
      expect(() => fromBinary(WeightedAddrSchema, Buffer.from(hex, "hex")), hex).toThrow(/Reading a message failed/);
    }
    expect(() => fromBinary(file_identity.messages[0]!, Buffer.from("0a02c328", "hex"))).toThrow(/not UTF-8/);
    const matches = file_destination.messages.find((message) => message.typeName.endsWith("RequestMatch"))!;
    let nested = Buffer.alloc(0);
    for (let depth = 0; depth < 200; depth++) {
      const length: number[] = [];
      for (let rest = nested.length; ; rest >>>= 7) {
        length.push(rest > 127 ? (rest & 127) | 128 : rest);
        if (rest < 128) break;
      }
      nested = Buffer.concat([Buffer.from([0x1a, ...length]), nested]);
    }
    expect(() => fromBinary(matches, nested)).toThrow(/too deeply/);
    const random = seededRandom(5);
    for (let round = 0; round < 5000; round++) {
      const bytes = Buffer.from(
        Array.from({ length: Math.floor(random.next() * 60) }, () => Math.floor(random.next() * 256)),
      );
      try {
        fromBinary(UpdateSchema, bytes);
      } catch (error) {
        expect(String(error)).toContain("Reading a message failed");
      }
    }
  });

  test("does not let a map key change an object's prototype", () => {
    const bytes = Buffer.from("22110a095f5f70726f746f5f5f1204706f6f66", "hex");
    const read = fromBinary(WeightedAddrSchema, bytes);
    expect(Object.getPrototypeOf(read.metricLabels)).toBe(Object.prototype);
    expect(Object.keys(read.metricLabels)).toEqual([]);
  });

  test("does not share memory with the bytes that a message came from", () => {
    const desc = file_identity.messages[0]!;
    const bytes = toBinary(desc, make(desc, { token: Buffer.from("secret") }));
    const read = fromBinary(desc, bytes) as unknown as { token: Uint8Array };
    bytes.fill(0);
    expect(Buffer.from(read.token).toString()).toBe("secret");
  });

  test("knows enums by name", () => {
    expect(HttpMethod_RegisteredSchema.values.get(HttpMethod_Registered.HEAD)).toBe("HEAD");
    const method = create(HttpMethodSchema, { type: { case: "registered", value: HttpMethod_Registered.PATCH } });
    expect(toJson(HttpMethodSchema, method)).toEqual({ registered: "PATCH" });
  });

  test("prints durations and keeps times", () => {
    const print = (seconds: bigint, nanos: number): unknown =>
      toJson(DurationSchema, create(DurationSchema, { seconds, nanos }));
    expect([print(3n, 0), print(0n, 250_000_000), print(0n, -1), print(-1n, -500)]).toEqual([
      "3s",
      "0.250s",
      "-0.000000001s",
      "-1.000000500s",
    ]);
    expect(timestampMs(timestampFromMs(1_700_000_000_123))).toBe(1_700_000_000_123);
    expect(["retry_budget", "http2", "meshTLS", "a__b"].map(camelCase)).toEqual([
      "retryBudget",
      "http2",
      "meshTLS",
      "aB",
    ]);
  });
});
