import { expect, test } from "bun:test";
import { milliseconds } from "#rpc/address.ts";
import { parseHttp2Params } from "./http2-params.ts";

test("reads what the values of an installation hold, in both spellings", () => {
  const text = `{"keep_alive":{"interval":{"seconds":10},"timeout":"3s","while_idle":true},"flowControl":{"initialStreamWindowSize":65535}}`;
  const params = parseHttp2Params(text);
  expect(milliseconds(params?.keepAlive?.interval, 0)).toBe(10_000);
  expect(milliseconds(params?.keepAlive?.timeout, 0)).toBe(3000);
  expect(params?.keepAlive?.whileIdle).toBe(true);
  expect(params?.flowControl?.initialStreamWindowSize).toBe(65_535);
  expect(params?.internals).toBeUndefined();
});

test("nothing said is nothing asked for, and nonsense is told", () => {
  for (const text of ["", "{}", " "]) expect(parseHttp2Params(text)).toBeNull();
  for (const text of ["{", "[]", '{"keep_alive":5}', '{"keep_alive":{"interval":"soon"}}']) {
    expect(() => parseHttp2Params(text)).toThrow();
  }
});
