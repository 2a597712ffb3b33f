import { expect, test } from "bun:test";
import { fileCapabilities } from "./file-capabilities.ts";

test("The attribute is what setcap writes", () => {
  // setcap cap_net_admin,cap_net_raw=ep FILE; getfattr -e hex -n security.capability FILE
  const hex = (effective: boolean): string =>
    Buffer.from(fileCapabilities(["NET_ADMIN", "NET_RAW"], effective)).toString("hex");
  expect(hex(true)).toBe("0100000200300000000000000000000000000000");
  expect(hex(false)).toBe("0000000200300000000000000000000000000000");
});
