/** Opens an address in the user's browser. */

/** @returns false when this machine has none that can be opened: over ssh, in a container. */
export async function openBrowser(url: string, env: Readonly<Record<string, string | undefined>>): Promise<boolean> {
  const command = process.platform === "darwin" ? "open" : "xdg-open";
  // Without a display xdg-open would start a text browser in this terminal.
  if (process.platform !== "darwin" && (env["DISPLAY"] ?? env["WAYLAND_DISPLAY"] ?? env["BROWSER"]) === undefined)
    return false;
  const path = Bun.which(command, { PATH: env["PATH"] ?? "" });
  if (path === null) return false;
  const child = Bun.spawn([path, url], { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
  // Some stay as long as the browser: that is a success as well.
  const first = await Promise.race([child.exited, Bun.sleep(3000).then(() => 0)]);
  if (first === 0) child.unref();
  return first === 0;
}
