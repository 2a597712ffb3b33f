import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { version } from "#lib/version.ts";
import { renderCni, resolveCniValues } from "#manifests/cni.ts";
import { renderInstall } from "#manifests/render-install.ts";
import { isJsonObject, type Json } from "#manifests/json.ts";
import { parseYaml } from "#manifests/yaml.ts";
import { programs } from "#cli/programs.ts";
import { linkerdImages, sampleImages } from "./images.ts";

const layers = new Map();
const names = (registry?: string): string[] =>
  linkerdImages({ registry, version, layers })
    .map(({ name }) => name)
    .toSorted();

/** Every container's image in a tree of manifests. */
function wanted(value: Json | undefined): string[] {
  if (Array.isArray(value)) return [...new Set(value.flatMap(wanted))].toSorted();
  if (!isJsonObject(value)) return [];
  const own = typeof value["image"] === "string" ? [value["image"]] : [];
  return [...own, ...Object.values(value).flatMap(wanted)];
}

test("There is an image, with its tag, for everything that installs name, also from another registry", () => {
  for (const registry of [undefined, "registry.local:5000/mesh"]) {
    const install = renderInstall({ version, now: 0, ...(registry === undefined ? {} : { registry }) });
    const images = wanted([...install.manifests]);
    expect(images.length).toBeGreaterThan(1);
    expect(names(registry)).toEqual(expect.arrayContaining(images));
  }
  const cni = renderCni(resolveCniValues({ linkerdVersion: version }), { createdBy: "test" });
  const images = wanted([...cni]);
  expect(images.length).toBeGreaterThan(0);
  expect(names()).toEqual(expect.arrayContaining(images));
});

test("There is an image for the sample application's manifests", () => {
  const yaml = readFileSync(new URL("../../examples/emojivoto/emojivoto.yaml", import.meta.url), "utf8");
  expect(sampleImages({ version, layers }).map(({ name }) => name)).toEqual(wanted(parseYaml(yaml, "emojivoto.yaml")));
});

test("Every entrypoint names a program that the executable has, or none", () => {
  const images = [...linkerdImages({ registry: undefined, version, layers }), ...sampleImages({ version, layers })];
  const words = images.map(({ settings }) => settings.entrypoint[1]).filter((word) => word !== undefined);
  expect(words.length).toBeGreaterThan(5);
  expect(Object.keys(programs)).toEqual(expect.arrayContaining(words));
});

test("Entrypoints name the program, and users are numbers, which runAsNonRoot needs", () => {
  const proxy = linkerdImages({ registry: undefined, version, layers }).find(({ name }) => name.includes("/proxy:"));
  expect(proxy?.settings).toMatchObject({ entrypoint: ["/usr/bin/linkerd", "proxy"], user: "2102" });
});
