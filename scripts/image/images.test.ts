import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { version } from "#lib/version.ts";
import { renderCni, resolveCniValues } from "#manifests/cni.ts";
import { renderInstall } from "#manifests/render-install.ts";
import { toYaml } from "#manifests/yaml.ts";
import { linkerdImages, sampleImages } from "./images.ts";

const layers = new Map();
const names = (registry?: string): string[] =>
  linkerdImages({ registry, version, layers })
    .map(({ name }) => name)
    .toSorted();

/** Every image that manifests name. */
function wanted(yaml: string): string[] {
  return [...new Set([...yaml.matchAll(/^\s*(?:- )?image: "?([^\s"]+)/gm)].map((match) => match[1] ?? ""))].toSorted();
}

test("There is an image, with its tag, for everything that installs name, also from another registry", () => {
  for (const registry of [undefined, "registry.local:5000/mesh"]) {
    const install = renderInstall({ version, now: 0, ...(registry === undefined ? {} : { registry }) });
    const images = wanted(toYaml(install.manifests));
    expect(images.length).toBeGreaterThan(1);
    expect(names(registry)).toEqual(expect.arrayContaining(images));
  }
  const cni = renderCni(resolveCniValues({ linkerdVersion: version }), { createdBy: "test" });
  const images = wanted(toYaml(cni));
  expect(images.length).toBeGreaterThan(0);
  expect(names()).toEqual(expect.arrayContaining(images));
});

test("There is an image for the sample application's manifests", () => {
  const yaml = readFileSync(new URL("../../examples/emojivoto/emojivoto.yaml", import.meta.url), "utf8");
  expect(sampleImages({ version, layers }).map(({ name }) => name)).toEqual(wanted(yaml));
});

test("Entrypoints name the program, and users are numbers, which runAsNonRoot needs", () => {
  const proxy = linkerdImages({ registry: undefined, version, layers }).find(({ name }) => name.includes("/proxy:"));
  expect(proxy?.settings).toMatchObject({ entrypoint: ["/usr/bin/linkerd", "proxy"], user: "2102" });
});
