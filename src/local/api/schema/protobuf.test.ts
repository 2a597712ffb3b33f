import { expect, test } from "bun:test";
import { builtinTypes } from "./builtin-types.ts";
import { parseTypes } from "./notation.ts";
import { decodeProtobuf } from "./protobuf.ts";

const types = builtinTypes();

/** A length-delimited field. */
function field(number: number, content: Uint8Array | string): Buffer {
  const bytes = Buffer.from(content as string);
  return Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
}

const number = (tag: number, value: number): Buffer => Buffer.from([tag << 3, value]);

function body(kind: string, ...fields: Buffer[]): Buffer {
  return Buffer.concat([
    Buffer.from("k8s\0"),
    field(1, Buffer.concat([field(1, "v1"), field(2, kind)])),
    field(2, Buffer.concat(fields)),
  ]);
}

test("an object reads as its JSON form would", () => {
  const port = Buffer.concat([
    field(1, ""),
    field(2, "TCP"),
    number(3, 80),
    field(4, Buffer.concat([number(1, 1), field(3, "http")])),
    number(5, 0),
  ]);
  const spec = Buffer.concat([
    field(1, port),
    field(2, Buffer.concat([field(1, "app"), field(2, "web")])),
    field(3, ""),
  ]);
  const metadata = Buffer.concat([field(1, "web"), field(2, ""), field(8, "")]);
  expect(decodeProtobuf(types, body("Service", field(1, metadata), field(2, spec), field(3, "")))).toEqual({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web" },
    spec: { ports: [{ protocol: "TCP", port: 80, targetPort: "http" }], selector: { app: "web" } },
    status: {},
  });
});

test("fields of an inlined message lie where JSON has them", () => {
  const volume = Buffer.concat([field(1, "v"), field(2, field(2, ""))]);
  const spec = field(1, volume);
  expect(decodeProtobuf(types, body("Pod", field(2, spec)))).toMatchObject({
    spec: { volumes: [{ name: "v", emptyDir: {} }] },
  });
});

test("bytes become base64", () => {
  const entry = Buffer.concat([field(1, "a"), field(2, "b")]);
  expect(decodeProtobuf(types, body("Secret", field(2, entry)))).toMatchObject({ data: { a: "Yg==" } });
});

test("every truncation is an error or an object, never a crash", () => {
  const whole = body(
    "Service",
    field(1, field(1, "web")),
    field(2, field(2, Buffer.concat([field(1, "app"), field(2, "web")]))),
  );
  for (let length = 0; length < whole.length; length++) {
    try {
      decodeProtobuf(types, whole.subarray(0, length));
    } catch (thrown) {
      expect((thrown as Error).message).toMatch(/can't be read/);
    }
  }
});

test("the notation refuses what it can't read", () => {
  expect(() => parseTypes("A = x:Nowhere")).toThrow('unknown type "Nowhere"');
  expect(() => parseTypes("A = x:int\nA = y:int")).toThrow("written twice");
  expect(() => parseTypes("A = ???")).toThrow("unreadable field");
});
