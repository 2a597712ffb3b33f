import { expect, test } from "bun:test";
import { MeshError } from "../errors.ts";
import { errnoError, netError } from "./net-error.ts";

const named = (code: string): Error => Object.assign(new Error("as the runtime says"), { code });

test("errno numbers are translated, whatever their sign", () => {
  for (const [errno, code] of [
    [111, "connection-refused"],
    [-113, "unreachable"],
    [101, "unreachable"],
    [110, "timeout"],
    [-24, "too-many-open-files"],
    [98, "address-in-use"],
    [1, "environment"],
    [99, "environment"],
    [105, "resource-exhausted"],
  ] as const) {
    expect(errnoError(errno, "Connecting").code).toBe(code);
  }
  expect(errnoError(111, 'Connecting to "10.0.0.1:80"').message).toBe(
    'Connecting to "10.0.0.1:80": connection refused',
  );
});

test("names of the runtime and of its TLS are translated, and the cause is kept", () => {
  for (const [name, code] of [
    ["ECONNRESET", "connection-reset"],
    ["EPIPE", "connection-reset"],
    ["EPROTO", "tls-handshake"],
    ["CERT_HAS_EXPIRED", "tls-handshake"],
    ["CERT_SIGNATURE_FAILURE", "tls-handshake"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "tls-identity"],
    ["ENOTFOUND", "dns"],
  ] as const) {
    const cause = named(name);
    const error = netError(cause, "Doing");
    expect([error.code, error.cause, error.details["errno"]]).toEqual([code, cause, name]);
  }
});

test("what nobody foresaw is an internal error that says what was said", () => {
  expect(netError(named("ESOMETHING"), "Doing")).toMatchObject({
    code: "internal",
    message: "Doing: as the runtime says",
  });
  expect(netError(new Error("plain"), "Doing")).toMatchObject({ code: "internal", message: "Doing: plain" });
  expect(netError("text", "Doing")).toMatchObject({ code: "internal", message: "Doing: text" });
  const known = new MeshError("timeout", "Known");
  expect(netError(known, "Doing")).toBe(known);
});
