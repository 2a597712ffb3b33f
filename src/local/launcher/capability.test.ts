import { expect, test } from "bun:test";
import { findMode, installCommand, missingTools, unshareArguments, type Trial } from "./capability.ts";

const nothing = (): null => null;

/** A machine on which sandboxes of the given kinds fail with an output. */
function machine(failing: Record<string, string>): { trial: Trial; tried: string[] } {
  const tried: string[] = [];
  return {
    tried,
    trial: async (argv) => {
      const mode = argv.includes("--map-auto") ? "subuid" : argv.includes("--user") ? "single" : "root";
      tried.push(mode);
      const output = failing[mode];
      return output === undefined ? { code: 0, output: "" } : { code: 1, output };
    },
  };
}

test("Root uses its own rights and tries nothing else", async () => {
  const { trial, tried } = machine({});
  expect(await findMode({ root: true, trial, readFile: nothing })).toBe("root");
  expect(tried).toEqual(["root"]);
});

test("A plain user gets many users when the machine maps them, else one", async () => {
  expect(await findMode({ root: false, trial: machine({}).trial, readFile: nothing })).toBe("subuid");
  const { trial } = machine({ subuid: "newuidmap: not found" });
  expect(await findMode({ root: false, trial, readFile: nothing })).toBe("single");
});

test("Root of a restricted container falls back to a user namespace", async () => {
  const { trial } = machine({ root: "unshare failed", subuid: "no" });
  expect(await findMode({ root: true, trial, readFile: nothing })).toBe("single");
});

test("A refusal names the step, the reason and what to type", async () => {
  const said =
    "step: the loopback device\nstep: virtual network devices (veth)\nRTNETLINK answers: Operation not permitted";
  const { trial } = machine({ subuid: "no", single: said });
  const readFile = (path: string): string | null => (path.endsWith("unprivileged_userns_clone") ? "0\n" : null);
  const failure = findMode({ root: false, trial, readFile });
  expect(failure).rejects.toThrow(
    "This machine does not permit a local cluster (virtual network devices (veth): RTNETLINK answers: Operation not permitted); type: sudo sysctl -w kernel.unprivileged_userns_clone=1",
  );
});

test("Missing tools are known with their packages", () => {
  const missing = missingTools((tool) => (tool === "nft" || tool === "ip" ? null : `/bin/${tool}`));
  expect(missing).toEqual([
    { tool: "ip", package: "iproute2" },
    { tool: "nft", package: "nftables" },
  ]);
  expect(installCommand(["mount", "mount", "nftables"]).join(" ")).toBe(
    "apt-get install -y --no-install-recommends mount nftables",
  );
});

test("Only root's sandbox has no user namespace", () => {
  expect(unshareArguments("root")).not.toContain("--user");
  expect(unshareArguments("single")).toContain("--map-root-user");
});
