import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { complaintsOf, launchBrowser } from "./chromium.ts";
import { serveViews, shop, workload, type ServedViews } from "./served-views.ts";

let browser: Browser;
let served: ServedViews;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const screenshots = process.env["SCREENSHOTS"];

beforeAll(async () => {
  browser = await launchBrowser();
  served = serveViews(shop());
  if (screenshots !== undefined) mkdirSync(screenshots, { recursive: true });
});
afterAll(async () => {
  await browser.close();
  await served.stop();
});

async function open(path: string, scheme: "light" | "dark" = "light", base = served): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1360, height: 900 }, colorScheme: scheme });
  await page.goto(base.url + path);
  return page;
}

const walked: Readonly<Record<string, { path: string; heading: string }>> = {
  overview: { path: "/", heading: "Overview" },
  namespace: { path: "/namespaces/shop", heading: "shop" },
  topology: { path: "/topology", heading: "Topology" },
  workload: { path: "/namespaces/shop/deployments/payment", heading: "payment" },
  "live requests": { path: "/tap?namespace=shop&kind=deployment&name=cart", heading: "Live requests" },
  "missing workload": { path: "/namespaces/shop/deployments/nope", heading: "There is no deployment “nope”" },
  "missing namespace": { path: "/namespaces/nope", heading: "No pods in namespace “nope”" },
};

interface Violation {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly html: string }[];
}

for (const [name, { path, heading }] of Object.entries(walked)) {
  for (const scheme of ["light", "dark"] as const) {
    test(`the ${name} page shows without complaint and is accessible, ${scheme}`, async () => {
      const page = await browser.newPage({ viewport: { width: 1360, height: 900 }, colorScheme: scheme });
      const complaints = complaintsOf(page);
      await page.goto(served.url + path);
      await page.getByRole("heading", { level: 1 }).filter({ hasText: heading }).waitFor();
      if (screenshots !== undefined) {
        await page.screenshot({
          path: join(screenshots, `${name.replaceAll(" ", "-")}-${scheme}.png`),
          fullPage: true,
        });
      }
      expect(complaints).toEqual([]);
      // Through the debugger, which the page's own policy does not bind.
      const violations = (await page.evaluate(
        `${axe}; axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) =>
           violations.map(({ id, impact, nodes }) => ({ id, impact, nodes: nodes.map(({ html }) => ({ html })) })))`,
      )) as Violation[];
      expect(violations.filter(({ impact }) => impact === "serious" || impact === "critical")).toEqual([]);
      await page.close();
    });
  }
}

test("the overview tells golden metrics and which workloads fail", async () => {
  const page = await open("/");
  const row = page.getByRole("row").filter({ has: page.getByRole("link", { name: "payment", exact: true }) });
  expect(await row.innerText()).toMatch(/2\/2\s+●?\s*71\.00 %\s+9\.4\s+2\.0 ms\s+9\.0 ms\s+1\.8 s/);
  const failing = page.locator(".tile").filter({ hasText: "Failing" });
  expect(await failing.innerText()).toContain("2");
  expect(await page.getByText("One workload without a proxy: ledger").isVisible()).toBe(true);
  await page.close();
});

test("new numbers show within 2 seconds", async () => {
  const own = serveViews(shop());
  const page = await open("/", "light", own);
  await page.getByText("48.2").first().waitFor();
  own.mesh.workloads = own.mesh.workloads.map((row) => (row.name === "web" ? { ...row, rps: 77.7 } : row));
  await page.getByRole("cell", { name: "77.7" }).waitFor({ timeout: 2000 });
  await page.close();
  await own.stop();
});

test("the order of a table stands in the address and outlives a reload", async () => {
  const page = await open("/namespaces/shop");
  await page.getByRole("button", { name: "Success" }).click();
  await page.getByRole("button", { name: "Success" }).click();
  await page.waitForURL("**/namespaces/shop?sort=success");
  const first = (): Promise<string> => page.locator("tbody tr").first().innerText();
  expect(await first()).toContain("payment");
  await page.reload();
  await page.locator("tbody tr").first().waitFor();
  expect(await first()).toContain("payment");
  expect(await page.getByRole("columnheader", { name: "Success" }).getAttribute("aria-sort")).toBe("ascending");
  await page.close();
});

test("search opens by /, is used by arrows and Enter, and closes by Escape", async () => {
  const page = await open("/");
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await page.keyboard.press("/");
  await page.getByRole("option").first().waitFor();
  await page.keyboard.type("pay");
  await page.getByRole("option", { name: "payment" }).waitFor();
  await page.keyboard.press("Enter");
  await page.waitForURL("**/namespaces/shop/deployments/payment");
  await page.keyboard.press("/");
  await page.getByRole("combobox").fill("zzz");
  await page.getByText("Nothing is named “zzz”").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.close();
});

test("keys lead to pages and to the list of keys, but not while one types", async () => {
  const page = await open("/");
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await page.keyboard.press("g");
  await page.keyboard.press("t");
  await page.waitForURL("**/topology");
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.keyboard.press("/");
  await page.getByRole("combobox").waitFor();
  await page.keyboard.type("g o");
  expect(page.url()).toContain("/topology");
  await page.close();
});

test("the topology marks failing and unsecured edges, and a workload leads to its page", async () => {
  const page = await open("/topology");
  await page.locator(".edge").first().waitFor();
  const words = await page.locator(".graph .edge title").allTextContents();
  expect(words.some((text) => text.startsWith("web → payment") && text.includes("71.00 % succeed"))).toBe(true);
  expect(words.some((text) => text.includes("ledger") && text.includes("plaintext: the server has no proxy"))).toBe(
    true,
  );
  expect(await page.locator(".graph .edge.bad .lock.mutual").count()).toBe(1);
  expect(await page.locator(".graph .edge .lock.none").count()).toBe(2);
  await page.locator(".graph").getByRole("link", { name: /^cart/ }).click();
  await page.waitForURL("**/namespaces/shop/deployments/cart");
  await page.goBack();
  await page.getByRole("heading", { name: "Topology" }).waitFor();
  await page.close();
});

test("a denied client shows on the page of the workload", async () => {
  const page = await open("/namespaces/shop/deployments/web");
  const row = page.getByRole("region", { name: "Policy" }).last().getByRole("row").last();
  expect(await row.innerText()).toMatch(/unauthenticated.*nothing: denied\s+0\.0\s+1\.5/s);
  await page.close();
});

test("charts are drawn", async () => {
  const page = await open("/namespaces/shop/deployments/web");
  await page.locator(".uplot canvas").nth(1).waitFor();
  expect(await page.locator(".chart").first().innerText()).toMatch(/succeeded\s*\d/);
  await page.close();
});

test("an empty cluster, an answer that can't be made and a workload without a proxy say what to do", async () => {
  const own = serveViews({ workloads: [], edges: [], failure: null });
  const page = await open("/", "light", own);
  await page.getByText("kubectl annotate namespace NAME linkerd.io/inject=enabled").waitFor();
  await page.goto(`${own.url}/topology`);
  await page.getByText("Nothing is meshed yet").waitFor();
  own.mesh.workloads = [workload("shop", "web", { meshed: 0, pods: 3, rps: null, success: null })];
  await page.goto(`${own.url}/namespaces/shop/deployments/web`);
  await page.getByText("3 of 3 pods have no proxy").waitFor();
  own.mesh.failure = "The pods of the cluster are not known yet";
  await page.goto(`${own.url}/`);
  await page.getByRole("alert").filter({ hasText: "The pods of the cluster are not known yet" }).waitFor();
  own.mesh.failure = null;
  await page.getByRole("heading", { name: "Overview" }).waitFor({ timeout: 5000 });
  await page.close();
  await own.stop();
});

test("when the connection is lost the last numbers stay, with a warning, and it heals by itself", async () => {
  let own = serveViews(shop());
  const page = await open("/", "light", own);
  await page.getByText("48.2").first().waitFor();
  await own.stop();
  await page.getByRole("alert").filter({ hasText: "The connection is lost" }).waitFor();
  expect(await page.getByText("48.2").first().isVisible()).toBe(true);
  own = serveViews(shop(), own.port);
  await page.getByRole("alert").waitFor({ state: "detached", timeout: 15_000 });
  await page.close();
  await own.stop();
});

test("light and dark can be chosen and are remembered", async () => {
  const page = await open("/", "light");
  const background = (): Promise<unknown> => page.evaluate("getComputedStyle(document.body).backgroundColor");
  const light = await background();
  await page.getByRole("button", { name: /Colours/ }).click();
  await page.getByRole("button", { name: /Colours/ }).click();
  const dark = await background();
  expect(dark).not.toBe(light);
  await page.reload();
  expect(await background()).toBe(dark);
  await page.close();
});

test("live requests stream, filter, pause, open by a click and are counted by kind", async () => {
  const page = await open("/tap?namespace=shop&kind=deployment&name=cart");
  await page.getByText("Live, 2 proxies").waitFor();
  const rows = page.locator("tbody tr");
  await rows.nth(5).waitFor();
  await page.getByRole("button", { name: "Pause" }).click();
  const count = await rows.count();
  await page.waitForTimeout(700);
  expect(await rows.count()).toBe(count);
  await rows.first().getByRole("button").click();
  const dialog = page.getByRole("dialog", { name: "Request" });
  expect(await dialog.innerText()).toContain("deployment cart in shop");
  await page.keyboard.press("Escape");
  await page.getByLabel("Path begins with").fill("/books");
  await page.getByRole("button", { name: "Start" }).click();
  await page.waitForURL(/path=%2Fbooks/);
  await page
    .getByRole("button", { name: /GET \/books\?/ })
    .first()
    .waitFor();
  await page.getByRole("button", { name: "Top" }).click();
  await page.getByText("GET /books", { exact: true }).waitFor();
  await page.goto(`${served.url}/tap?namespace=shop&kind=deployment&name=forbidden`);
  await page.getByRole("alert").filter({ hasText: "You may not tap it" }).waitFor();
  await page.goto(`${served.url}/tap?namespace=shop&kind=gizmo&name=a`);
  await page.getByRole("alert").filter({ hasText: "unknown value" }).waitFor();
  await page.close();
});
