import { describe, expect, test } from "bun:test";
import { MessageReader, frameMessage } from "./framing.ts";
import { decodeGrpcMessage, encodeGrpcMessage, readStatus, statusFields } from "./status.ts";
import { formatGrpcTimeout, parseGrpcTimeout } from "./timeout.ts";

describe("gRPC framing", () => {
  const stream = Buffer.concat(
    [Buffer.from("one"), Buffer.alloc(0), Buffer.alloc(20_000, "x")].map((message) => frameMessage(message)),
  );

  test("finds the same messages however the bytes are cut", () => {
    for (let size = 1; size <= stream.length; size += size < 50 ? 1 : 97) {
      const lengths: number[] = [];
      const reader = new MessageReader(20_000, (message) => lengths.push(message.length));
      for (let at = 0; at < stream.length; at += size) reader.feed(stream, at, Math.min(stream.length, at + size));
      expect(lengths).toEqual([3, 0, 20_000]);
      expect(reader.inMessage).toBe(false);
    }
  });

  test("knows when a stream ends in the middle of a message", () => {
    const reader = new MessageReader(20_000, () => {});
    reader.feed(stream, 0, 4);
    expect(reader.inMessage).toBe(true);
  });

  test("refuses messages that are too large before reading them, and compressed ones", () => {
    const reader = new MessageReader(19_999, () => {});
    expect(() => reader.feed(stream, 0, stream.length)).toThrow(/has 20000 bytes, more than the 19999/);
    const compressed = Buffer.from([1, 0, 0, 0, 0]);
    expect(() => new MessageReader(10, () => {}).feed(compressed, 0, 5)).toThrow(/compressed/);
  });
});

describe("gRPC status", () => {
  test("messages survive the header, whatever they contain", () => {
    for (const message of ["", "plain text", "100 %", "line\nbreak", "Grüße 🙂", " spaces "]) {
      const encoded = encodeGrpcMessage(message);
      expect(encoded).toMatch(/^[!-~]?[ -~]*[!-~]?$/);
      expect(decodeGrpcMessage(encoded).trim()).toBe(message.trim());
    }
  });

  test("is read back from its fields, and invalid encodings stay as they are", () => {
    const fields = statusFields({ code: 8, message: "too much" });
    expect(readStatus((name) => fields[fields.indexOf(name) + 1] ?? null)).toEqual({ code: 8, message: "too much" });
    expect(decodeGrpcMessage("50%zz")).toBe("50%zz");
    expect(readStatus((name) => (name === "grpc-status" ? "x" : null))).toBeNull();
    expect(readStatus(() => null)).toBeNull();
  });
});

describe("gRPC timeouts", () => {
  test("are read in every unit", () => {
    expect(["1H", "2M", "3S", "4m", "5000u", "6000000n"].map(parseGrpcTimeout)).toEqual([
      3_600_000, 120_000, 3000, 4, 5, 6,
    ]);
    expect(["", "1", "S", "123456789S", "-1S", "1.5S", "1s"].map(parseGrpcTimeout)).toEqual(new Array(7).fill(null));
  });

  test("are written so that they read back, never as more than eight digits", () => {
    for (const timeout of [0, 0.5, 1, 250, 99_999, 3_600_000, 86_400_000, 1e12]) {
      const text = formatGrpcTimeout(timeout);
      expect(text).toMatch(/^\d{1,8}[umSMH]$/);
      expect(Math.abs(parseGrpcTimeout(text)! - timeout)).toBeLessThanOrEqual(timeout * 0.001);
    }
  });
});
