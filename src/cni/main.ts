/** `linkerd cni ROLE`: interception for pods that may not do it themselves. */
import { MeshError } from "#lib/errors.ts";

type RoleMain = (argv: readonly string[]) => Promise<number>;

const roles: Readonly<Record<string, () => Promise<{ readonly main: RoleMain }>>> = {
  install: () => import("./installer/main.ts"),
  uninstall: async () => ({ main: (await import("./installer/main.ts")).uninstall }),
  repair: () => import("./repair/main.ts"),
  plugin: () => import("./plugin/main.ts"),
};

export async function main(argv: readonly string[]): Promise<number> {
  const [role = "", ...rest] = argv;
  const load = Object.hasOwn(roles, role) ? roles[role] : undefined;
  if (load === undefined) {
    throw new MeshError(
      "invalid-argument",
      `Unknown role "${role}" of cni; use one of ${Object.keys(roles).join(", ")}`,
    );
  }
  return await (await load()).main(rest);
}
