import { expect, test } from "bun:test";
import { MeshError } from "#lib/errors.ts";
import { explain } from "./explain.ts";

test("explain() leaves out what the runtime says about the network, and keeps what else led to an error", () => {
  const runtime = new Error("ECONNREFUSED: Unable to connect. Is the computer able to access the url?");
  const refused = new MeshError("connection-refused", "Failed to list pods: the connection was refused", {
    cause: runtime,
  });
  expect(explain(refused)).toBe("Failed to list pods: the connection was refused");
  expect(explain(new MeshError("unavailable", "Could not look", { cause: refused }))).toBe(
    "Could not look: Failed to list pods: the connection was refused",
  );
  const disk = new MeshError("environment", "Could not read the file", { cause: new Error("EIO: i/o error") });
  expect(explain(disk)).toBe("Could not read the file: EIO: i/o error");
});

test("explain() drops advice for programmers and repeats nothing", () => {
  const text =
    'bad name fetching "https://x/". For more information, pass `verbose: true` in the second argument to fetch()';
  expect(explain(new Error(text, { cause: new Error("bad name") }))).toBe('bad name fetching "https://x/"');
});
