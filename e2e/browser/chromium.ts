/** Debian's Chromium for tests of pages. */
import { existsSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";

const candidates = ["/usr/bin/chromium", "/usr/bin/chromium-headless-shell", "/usr/bin/google-chrome"];

export function launchBrowser(args: readonly string[] = []): Promise<Browser> {
  const path = process.env["CHROMIUM"] ?? candidates.find((candidate) => existsSync(candidate));
  if (path === undefined) throw new Error("There is no Chromium; install it with: apt-get install -y chromium");
  // Chromium's own sandbox does not start as root.
  return chromium.launch({ executablePath: path, args: ["--no-sandbox", ...args] });
}

/** What a page complained about: exceptions, refused scripts and styles, failed requests of its own. */
export function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(`exception: ${error.message}`));
  page.on("dialog", (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  return complaints;
}
