import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Browser, Page } from "playwright-core";
import { startLocalCluster, type LocalCluster } from "#local/launcher.ts";
import { forwardDashboard, type DashboardForward } from "#cli/viz-dashboard.ts";
import {
  applyFile,
  clientOf,
  emojivotoFile,
  installControlPlane,
  installViz,
  waitForDeployments,
} from "../../scripts/mesh.ts";
import { complaintsOf, launchBrowser } from "./chromium.ts";

let browser: Browser;
let cluster: LocalCluster;
let forward: DashboardForward;
let page: Page;
let complaints: string[];
const notes: string[] = [];

beforeAll(async () => {
  cluster = await startLocalCluster({ name: "browser" });
  const client = clientOf(cluster.kubeconfigPath);
  await installControlPlane(client);
  await waitForDeployments(client, "linkerd", 120_000);
  await installViz(client, 2000);
  await applyFile(client, emojivotoFile);
  await waitForDeployments(client, "linkerd-viz", 120_000);
  await waitForDeployments(client, "emojivoto", 120_000);
  forward = await forwardDashboard({
    client,
    vizNamespace: "linkerd-viz",
    ip: "127.0.0.1",
    port: 0,
    wait: 30_000,
    onNote: (text) => notes.push(text),
  });
  browser = await launchBrowser();
  page = await browser.newPage({ viewport: { width: 1360, height: 900 } });
  complaints = complaintsOf(page);
}, 400_000);

afterAll(async () => {
  await browser?.close();
  forward?.close();
  await cluster?.stop();
}, 60_000);

const open = (path: string): Promise<unknown> => page.goto(`http://localhost:${forward.port}${path}`);

test("the overview shows that voting fails and emoji does not", async () => {
  await open("/");
  const row = (name: string) => page.getByRole("row").filter({ has: page.getByRole("link", { name, exact: true }) });
  await row("voting").locator(".success.bad").waitFor({ timeout: 45_000 });
  await row("emoji").locator(".success.good").waitFor({ timeout: 45_000 });
}, 120_000);

test("the topology has the sample application's edges, secured, and the failing ones are marked", async () => {
  await open("/topology?namespace=emojivoto");
  for (const words of ["vote-bot → web", "web → emoji", "web → voting"]) {
    await page.locator(".graph .edge title").filter({ hasText: words }).waitFor({ state: "attached", timeout: 45_000 });
  }
  await page.locator(".graph .edge.bad").filter({ hasText: "web → voting" }).locator(".lock.mutual").waitFor();
  await page.locator(".graph .edge.good").filter({ hasText: "web → emoji" }).locator(".lock.mutual").waitFor();
}, 120_000);

test("the workload's page has charts, callers, calls, routes, clients by their ServiceAccount, and pods", async () => {
  await open("/namespaces/emojivoto/deployments/web");
  const table = (name: string) =>
    page.locator("section.card").filter({ has: page.getByRole("heading", { name, exact: true }) });
  await table("Called by").getByRole("link", { name: "vote-bot" }).waitFor({ timeout: 45_000 });
  await table("Calls").getByRole("link", { name: "voting" }).waitFor();
  await table("Routes").getByText("default", { exact: true }).waitFor();
  await table("Policy").getByText("ServiceAccount in emojivoto").first().waitFor({ timeout: 45_000 });
  await table("Pods").getByText("Running").waitFor();
  await page.locator(".uplot canvas").nth(1).waitFor({ timeout: 45_000 });
}, 120_000);

test("nothing that a page needed was refused", () => {
  expect(complaints).toEqual([]);
  expect(notes).toEqual([]);
});
