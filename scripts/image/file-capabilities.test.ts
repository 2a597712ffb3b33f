import { expect, test } from "bun:test";
import { fileCapabilities } from "./file-capabilities.ts";

test("The attribute is what setcap writes for permitted capabilities", () => {
  // setcap cap_net_admin=p FILE; getfattr -e hex -n security.capability FILE
  const hex = (...names: Array<"NET_ADMIN" | "NET_RAW">): string =>
    Buffer.from(fileCapabilities(names)).toString("hex");
  expect(hex("NET_ADMIN")).toBe("0000000200100000000000000000000000000000");
  expect(hex("NET_ADMIN", "NET_RAW")).toBe("0000000200300000000000000000000000000000");
});
