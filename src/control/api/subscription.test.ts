import { describe, expect, test } from "bun:test";
import { Drain } from "#lib/drain.ts";
import { MeshError } from "#lib/errors.ts";
import { Watchable } from "#lib/watchable.ts";
import { follow } from "./subscription.ts";

function setup(send: (value: number) => boolean = () => true) {
  const value = new Watchable(1);
  const drain = new Drain();
  const seen: Array<number | string> = [];
  let cancel = (): void => {};
  const fail = follow(
    { value, release: () => seen.push("release") },
    (sent) => {
      seen.push(sent);
      return send(sent);
    },
    {
      context: { onCancel: (run) => (cancel = run) },
      writer: { ended: false, open: () => seen.push("open"), end: ({ code }) => seen.push(`end ${code}`) },
      drain,
      onStart: () => seen.push("start"),
      onStop: () => seen.push("stop"),
      onOverflow: () => seen.push("overflow"),
    },
  );
  return { value, drain, seen, fail, cancel: () => cancel() };
}

describe("follow", () => {
  test("sends the value now and after each change until the client leaves", () => {
    const { value, seen, cancel } = setup();
    value.set(2);
    cancel();
    value.set(3);
    cancel();
    expect(seen).toEqual(["start", 1, "open", 2, "release", "stop"]);
    expect(value.watchers).toBe(0);
  });

  test("stops at once when the writer takes nothing more", () => {
    const { value, seen } = setup((sent) => sent < 2);
    value.set(2);
    value.set(3);
    expect(seen).toEqual(["start", 1, "open", 2, "overflow", "release", "stop"]);
  });

  test("ends with the status of an error, once", () => {
    const { value, seen, fail, drain } = setup((sent) => {
      if (sent === 2) throw new MeshError("not-found", "gone");
      return true;
    });
    value.set(2);
    fail(new MeshError("internal", "late"));
    void drain.start();
    expect(seen).toEqual(["start", 1, "open", 2, "end 5", "release", "stop"]);
  });

  test("an error of any other kind is an internal one", () => {
    const { seen } = setup(() => {
      throw new Error("bug");
    });
    expect(seen).toEqual(["start", 1, "end 13", "release", "stop"]);
  });

  test("ends when the program stops", () => {
    const { seen, drain } = setup();
    void drain.start();
    expect(seen).toEqual(["start", 1, "open", "end 14", "release", "stop"]);
  });
});
