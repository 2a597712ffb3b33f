/**
 * The programs inside the executable. They are loaded before any command-line library, so that a proxy or a controller
 * carries nothing of the CLI. Each `main` gets the words behind its name and resolves to its exit code.
 */

export type ProgramMain = (argv: string[]) => Promise<number>;

export const programs: Readonly<Record<string, () => Promise<{ readonly main: ProgramMain }>>> = {
  proxy: () => import("#proxy/main.ts"),
  "proxy-init": () => import("#cni/init/main.ts"),
  cni: () => import("#cni/main.ts"),
  "network-validator": () => import("#cni/validator/main.ts"),
  controller: () => import("#control/main.ts"),
  "metrics-api": () => import("#viz/main.ts"),
  "tap-api": () => import("#viz/tap/main.ts"),
  "tap-injector": () => import("#viz/tap-injector/main.ts"),
  local: () => import("#local/main.ts"),
  await: () => import("./await.ts"),
  // In the executable so that every cluster has something to mesh without fetching an image from elsewhere.
  emojivoto: () => import("../../examples/emojivoto/main.ts"),
};

/** Container runtimes run CNI plugins without words: what they want is in the environment. */
export function isPluginCall(words: readonly string[], env: Readonly<Record<string, string | undefined>>): boolean {
  return words.length === 0 && env["CNI_COMMAND"] !== undefined;
}

/**
 * The words without what an image's entrypoint said before the container named its program itself: the image "proxy" runs
 * `linkerd proxy` and the init container's arguments begin with "proxy-init"; "controller policy" may be said twice.
 * Only the words before the first flag count, at most four.
 */
export function programWords(words: readonly string[]): readonly string[] {
  const isProgram = (word: string | undefined): boolean => word !== undefined && Object.hasOwn(programs, word);
  if (!isProgram(words[0]) || words[0] === "local") return words;
  const flag = words.findIndex((word) => word.startsWith("-"));
  const named = words.slice(0, Math.min(4, flag < 0 ? words.length : flag)).findLastIndex(isProgram);
  return words.slice(named);
}
