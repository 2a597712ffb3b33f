import { expect, test } from "bun:test";
import { chooseNamespace, type NamespaceAddresses } from "./namespaces.ts";

const namespace = (path: string, addresses: Record<string, string>, id = path): NamespaceAddresses => ({
  path,
  id,
  addresses: Object.entries(addresses).map(([on, ip]) => ({ on, ip })),
});
const web = namespace("/run/netns/web", { lo: "127.0.0.1", eth0: "10.0.0.9" });

test("The namespace with the pod's address is found", () => {
  expect(chooseNamespace([namespace("/run/netns/other", { eth0: "10.0.0.8" }), web], ["10.0.0.9"])).toBe(web.path);
  expect(chooseNamespace([web], ["10.0.0.7"])).toBeNull();
  expect(chooseNamespace([namespace("/run/netns/odd", { net0: "10.0.0.9" })], ["10.0.0.9"])).toBe("/run/netns/odd");
});

test("A pod that puts another's address on an interface of its own does not get that one's rules", () => {
  const thief = namespace("/run/netns/a", { eth0: "10.0.0.8", dummy0: "10.0.0.9" });
  expect(chooseNamespace([thief, web], ["10.0.0.9"])).toBe(web.path);
});

test("Of two namespaces with the address neither is chosen", () => {
  const thief = namespace("/run/netns/a", { eth0: "10.0.0.9" });
  expect(() => chooseNamespace([thief, web], ["10.0.0.9"])).toThrow(
    'The address "10.0.0.9" is in 2 network namespaces of this node, so that it is not known which is the pod\'s: "/run/netns/a", "/run/netns/web"',
  );
});

test("Two files of one namespace are one", () => {
  expect(chooseNamespace([web, { ...web, path: "/run/netns/again" }], ["10.0.0.9"])).toBe(web.path);
});
