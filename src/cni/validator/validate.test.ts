import { expect, test } from "bun:test";
import { systemClock } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import { memoryLog } from "#lib/log.ts";
import { freePort } from "#lib/testing/free-port.ts";
import { readConfig } from "./config.ts";
import { validateRedirect } from "./validate.ts";

const { log } = memoryLog();

test("The arguments of an injected pod are understood", () => {
  const args = ["--log-format", "plain", "--log-level", "debug", "--connect-addr", "[fd00::1]:20001"];
  expect(readConfig([...args, "--listen-addr", "[::]:4140", "--timeout", "1m30s"])).toEqual({
    connect: { ip: "fd00::1", port: 20001 },
    listen: { ip: "::", port: 4140 },
    timeout: 90_000,
    logFormat: "plain",
    logLevel: "debug",
  });
});

test.each([
  ["--connect-addr", "1.1.1.1"],
  ["--connect-addr", "example.com:80"],
  ["--listen-addr", "[1.1.1.1]:80"],
  ["--timeout", "ten"],
])("%s %s is refused by name", (flag, value) => {
  expect(() => readConfig([flag, value])).toThrow(flag);
});

test("A connection that comes back to us proves the redirect", async () => {
  const here = { ip: "127.0.0.1", port: freePort() };
  await validateRedirect({ connect: here, listen: here, timeout: 2000, clock: systemClock, log });
});

test("Somebody else's answer is no proof", async () => {
  const other = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { open: (socket) => void socket.end("x".repeat(100)), data() {} },
  });
  const outcome = validateRedirect({
    connect: { ip: "127.0.0.1", port: other.port },
    listen: { ip: "127.0.0.1", port: 0 },
    timeout: 100,
    clock: systemClock,
    log,
  });
  const error = await outcome.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(MeshError);
  expect((error as MeshError).message).toContain("somebody else answers");
  other.stop(true);
});

test("A port in use is said at once", async () => {
  const other = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const here = { ip: "127.0.0.1", port: other.port };
  const outcome = validateRedirect({ connect: here, listen: here, timeout: 5000, clock: systemClock, log });
  expect(((await outcome.catch((thrown: unknown) => thrown)) as MeshError).code).toBe("address-in-use");
  other.stop(true);
});
