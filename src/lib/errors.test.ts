import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { asMeshError, errorChain, errorCodes, MeshError } from "./errors.ts";

test("errorChain() joins the causes without repeating what was said", () => {
  const inner = new Error("connection refused");
  expect(errorChain(new MeshError("unavailable", "List pods", { cause: inner }))).toBe("List pods: connection refused");
  expect(errorChain(new MeshError("unavailable", "List pods: connection refused", { cause: inner }))).toBe(
    "List pods: connection refused",
  );
});

test("asMeshError() keeps a MeshError and wraps the rest as internal", () => {
  const error = new MeshError("dns", "x");
  expect(asMeshError(error, "y")).toBe(error);
  expect(asMeshError("boom", "Reading the file")).toMatchObject({
    code: "internal",
    message: "Reading the file: boom",
  });
});

test("docs/errors.md explains every code and no other", () => {
  const text = readFileSync(join(import.meta.dir, "../../docs/errors.md"), "utf8");
  const documented = [...text.matchAll(/^\| `([a-z-]+)` \|/gm)].map((match) => match[1] ?? "");
  expect(documented.toSorted()).toEqual([...errorCodes].toSorted());
});
