/**
 * The programs inside the executable. They are loaded before any command-line library, so that a proxy or a controller
 * carries nothing of the CLI. Each `main` gets the words behind its name and resolves to its exit code.
 */

export type ProgramMain = (argv: string[]) => Promise<number>;

export const programs: Readonly<Record<string, () => Promise<{ readonly main: ProgramMain }>>> = {
  proxy: () => import("#proxy/main.ts"),
  "proxy-init": () => import("#cni/main.ts"),
  controller: () => import("#control/main.ts"),
  "metrics-api": () => import("#viz/main.ts"),
  local: () => import("#local/main.ts"),
  await: () => import("./await.ts"),
};
