import { expect, test } from "bun:test";
import { parseMountinfo, protectionPlan } from "./host-protection.ts";

const mountinfo = `22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:5 / /dev rw,nosuid - devtmpfs udev rw
24 22 0:21 / /run rw,nosuid,nodev - tmpfs tmpfs rw
25 22 8:2 / /home rw,nosuid,nodev,relatime - ext4 /dev/sda2 rw
26 22 7:1 / /snap/core ro,nodev - squashfs /dev/loop1 ro
27 22 8:3 / /mnt/my\\040disk rw - ext4 /dev/sda3 rw
28 22 8:1 /var/lib/x /var/lib/x rw,relatime - ext4 /dev/sda1 rw
`;

test("Host mounts become read-only with the options that must stay; live and own ones are left alone", () => {
  expect(protectionPlan(parseMountinfo(mountinfo), ["/var/lib/x"])).toEqual([
    { target: "/", options: ["remount", "bind", "ro", "relatime"] },
    { target: "/home", options: ["remount", "bind", "ro", "nosuid", "nodev", "relatime"] },
    { target: "/mnt/my disk", options: ["remount", "bind", "ro"] },
  ]);
});
