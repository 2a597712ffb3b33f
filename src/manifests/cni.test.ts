import { expect, test } from "bun:test";
import { cniRegistryLayer, renderCni, resolveCniValues } from "./cni.ts";
import type { Json } from "./json.ts";
import { expectGolden } from "./testing/golden.ts";
import { toYaml } from "./yaml.ts";

const render = (...layers: Json[]): string =>
  toYaml(renderCni(resolveCniValues({ linkerdVersion: "test-version" }, ...layers), { createdBy: "linkerd/cli test" }));

test("the CNI plugin", () => {
  expectGolden("cni.default.golden.yaml", render());
});

test("without repair nothing can enter a pod's network namespace", () => {
  const text = render({ repairController: { enabled: false } });
  expect(text).not.toContain("SYS_ADMIN");
  expect(text).not.toContain("netns");
});

test("without repair the token that lies on each node lets nobody evict pods or write Events", () => {
  const text = render({ repairController: { enabled: false } });
  expect(text).not.toContain("eviction");
  expect(text).not.toContain("events");
  expect(render({ repairController: { enabled: true } })).toContain("pods/eviction");
});

test("another registry is for both containers", () => {
  const text = render(cniRegistryLayer("registry.local/mesh/"));
  expect(text.match(/image: registry\.local\/mesh\/cni-plugin:test-version/g)).toHaveLength(2);
});

test("values that are unknown or ask for what is not there are refused", () => {
  expect(() => resolveCniValues({ destCniBinDir: "/x" })).toThrow('did you mean "destCNIBinDir"');
  expect(() => resolveCniValues({ enablePSP: true })).toThrow("no pod security policies");
});
