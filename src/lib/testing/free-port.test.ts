import { expect, test } from "bun:test";
import { listen } from "../net/listen.ts";
import { freePort } from "./free-port.ts";

test("a free port can be listened on, and none of those in use is given", () => {
  const listeners = Array.from({ length: 50 }, () => listen({ ip: "127.0.0.1", port: freePort() }, () => {}));
  expect(new Set(listeners.map(({ addr }) => addr.port)).size).toBe(50);
  for (const listener of listeners) listener.close();
});
