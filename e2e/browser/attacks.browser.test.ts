import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Browser } from "playwright-core";
import { complaintsOf, launchBrowser } from "./chromium.ts";
import { edge, serveViews, shop, workload, type ServedViews } from "./served-views.ts";

let browser: Browser;
let served: ServedViews;

beforeAll(async () => {
  // Names of an attacker that lead to this machine, as after DNS rebinding.
  browser = await launchBrowser(["--host-resolver-rules=MAP *.example 127.0.0.1"]);
  served = serveViews(shop());
});
afterAll(async () => {
  await browser.close();
  await served.stop();
});

const hostile = [
  '<img src=x onerror="alert(1)">',
  "<script>alert(2)</script>",
  '"><svg onload=alert(3)>',
  "javascript:alert(4)",
  "../../topology?a=b#c",
  "\u202Eevil\u0007\u001B[31m",
  "{{constructor.constructor('alert(5)')()}}",
];

test("names with script and HTML come out as text on every page", async () => {
  const own = serveViews({
    workloads: hostile.map((name) => workload(name, name)),
    edges: hostile.flatMap((name) =>
      hostile.map((other) =>
        edge(workload(name, name), workload(other, other), { serverId: other, plainReason: name, security: "mixed" }),
      ),
    ),
    failure: null,
  });
  const page = await browser.newPage({ viewport: { width: 1360, height: 900 } });
  const complaints = complaintsOf(page);
  for (const path of [
    "/",
    "/topology",
    ...hostile.flatMap((name) => [
      `/topology?namespace=${encodeURIComponent(name)}`,
      `/namespaces/${encodeURIComponent(name)}`,
      `/namespaces/${encodeURIComponent(name)}/deployments/${encodeURIComponent(name)}`,
      `/namespaces/a/deployments/${encodeURIComponent(name)}`,
    ]),
  ]) {
    await page.goto(own.url + path);
    await page.getByRole("heading", { level: 1 }).first().waitFor();
    expect(
      await page.locator("img:not([src='/assets/icon.svg']), script:not([src='/assets/main.js']), iframe").count(),
    ).toBe(0);
  }
  await page.goto(own.url);
  for (const name of hostile.slice(0, 4))
    expect(await page.getByText(name, { exact: true }).first().isVisible()).toBe(true);
  // A link leads to the page of that very workload, whatever its name holds.
  const links = (await page.evaluate(`[...document.querySelectorAll("td a.name")].map((a) => a.href)`)) as string[];
  expect(links.every((link) => link.startsWith(`${own.url}/namespaces/`))).toBe(true);
  expect(links.map((link) => decodeURIComponent(link.split("/").at(-1) ?? "")).toSorted()).toEqual(hostile.toSorted());
  await page.goto(`${own.url}/tap?namespace=n&kind=deployment&name=a`);
  await page.getByRole("button", { name: "<img src=x onerror=alert(1)>" }).first().click();
  await page.getByRole("dialog").getByText("<script>alert(2)</script>").waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("/");
  await page.getByRole("combobox").fill("script");
  await page.getByRole("option").first().waitFor();
  expect(complaints).toEqual([]);
  await page.close();
  await own.stop();
});

test("under another host name the dashboard shows nothing and serves no data", async () => {
  const page = await browser.newPage();
  const answer = await page.goto(`http://rebound.example:${served.port}/`);
  expect(answer?.status()).toBe(403);
  expect(await page.locator("body").innerText()).toContain("does not answer under this host name");
  const data = await page.evaluate(`fetch("/api/view/overview").then((answer) => answer.status)`);
  expect(data).toBe(403);
  await page.close();
});

/** A site of somebody else, on another port of this machine. */
function otherSite(): { readonly url: string; stop(): Promise<void> } {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () => new Response("<!doctype html><title>other</title>", { headers: { "content-type": "text/html" } }),
  });
  return { url: `http://localhost:${server.port}`, stop: () => server.stop(true) };
}

test("a page of another origin gets neither data nor events, and can't frame the dashboard", async () => {
  const other = otherSite();
  const page = await browser.newPage();
  await page.goto(other.url);
  const tried = await page.evaluate(`(async () => {
    const base = ${JSON.stringify(served.url)};
    const data = await fetch(base + "/api/view/overview").then(() => "data", () => "refused");
    const blind = await fetch(base + "/api/view/overview", { mode: "no-cors" }).then((answer) => answer.type, () => "refused");
    const script = await new Promise((resolve) => {
      const element = document.createElement("script");
      element.onload = () => resolve("loaded");
      element.onerror = () => resolve("refused");
      element.src = base + "/assets/main.js";
      document.head.append(element);
    });
    const events = await new Promise((resolve) => {
      const source = new EventSource(base + "/api/live/overview");
      source.onmessage = () => resolve("events");
      source.onerror = () => resolve("refused");
    });
    const frame = document.createElement("iframe");
    frame.src = base + "/";
    await new Promise((resolve) => { frame.onload = resolve; document.body.append(frame); });
    return { data, blind, script, events };
  })()`);
  expect(tried).toEqual({ data: "refused", blind: "refused", script: "refused", events: "refused" });
  const framed = page.frames().find((frame) => frame !== page.mainFrame());
  expect(framed === undefined || !framed.url().startsWith(served.url)).toBe(true);
  await page.close();
  await other.stop();
});

test("script that got into the page would not run", async () => {
  const page = await browser.newPage();
  await page.goto(served.url);
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  const ran = await page.evaluate(`(async () => {
    globalThis.ran = [];
    const inline = document.createElement("script");
    try { inline.textContent = "ran.push('inline')"; document.head.append(inline); } catch (error) { ran.push(error.name); }
    try { document.body.insertAdjacentHTML("beforeend", "<img src=x onerror=ran.push('html')>"); } catch (error) { ran.push(error.name); }
    // From a timer: what the debugger itself runs may do this.
    setTimeout(() => { try { new Function("ran.push('function')")(); } catch (error) { ran.push(error.name); } });
    await new Promise((resolve) => setTimeout(resolve, 200));
    return ran;
  })()`);
  expect(ran).toEqual(["TypeError", "TypeError", "EvalError"]);
  await page.close();
});
