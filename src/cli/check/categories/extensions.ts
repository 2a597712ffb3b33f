/** Are the namespaces of extensions labelled so that each extension is found once? */
import { MeshError } from "#lib/errors.ts";
import { resources } from "#kube/resource.ts";
import type { Category } from "../check.ts";

export const extensionLabel = "linkerd.io/extension";

export const linkerdExtensionChecks: Category = {
  id: "linkerd-extension-checks",
  checks: [
    {
      id: "l5d-extension-namespaces",
      description: "namespace configuration for extensions",
      warning: true,
      run: async ({ client }) => {
        const { items } = await client().list(resources.namespaces, { labelSelector: extensionLabel });
        const byExtension = new Map<string, string[]>();
        for (const { metadata } of items) {
          const extension = metadata.labels?.[extensionLabel] ?? "";
          byExtension.set(extension, [...(byExtension.get(extension) ?? []), metadata.name]);
        }
        const twice = [...byExtension].filter(([, namespaces]) => namespaces.length > 1);
        if (twice.length === 0) return;
        const lines = twice.map(
          ([extension, namespaces]) =>
            `\t* label "${extensionLabel}=${extension}" is present on more than one namespace:\n` +
            namespaces.map((name) => `\t\t* ${name}`).join("\n"),
        );
        throw new MeshError("conflict", `some extensions have invalid configuration\n${lines.join("\n")}`);
      },
    },
  ],
};
