import { expect, test } from "bun:test";
import { isScript } from "./node.ts";

const script = "/work/e2e/kubernetes/node-init.sh";

test("a script that its interpreter runs is told from the program that is about to start it", () => {
  expect(isScript(`/bin/sh\0${script}\0`, script)).toBe(true);
  expect(isScript(`unshare\0--pid\0--fork\0${script}\0`, script)).toBe(false);
  expect(isScript("", script)).toBe(false);
  expect(isScript(`/bin/sh\0${script}.old\0`, script)).toBe(false);
});
