// Takes the pictures of docs/console.md: a cluster of three with some data and some load.
//   node tests/shots.mjs [folder]      docs/images if none is given

import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { fromFolder, launch } from "./browser.mjs";
import { post, startCluster, until } from "./cluster.mjs";

const folder = process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), "../../docs/images");
const pages = { overview: "overview", ring: "ring?key=key_7", members: "members", events: "events", data: "data?bucket=carts&key=ann", sql: "sql", audit: "audit", tour: "tour" };
mkdirSync(folder, { recursive: true });
const cluster = await startCluster();

/** Goes to the step of the tour in which a node joins. */
async function pretend(page) {
  await page.getByRole("button", { name: "Ten keys" }).click();
  await page.getByRole("button", { name: /^Store tour_1/ }).click();
  await page.getByText("10 are stored").waitFor();
  await page.getByRole("button", { name: "A node joins" }).click();
  await page.getByRole("button", { name: "Only pretend" }).click();
}

const browser = await launch();
try {
  const [first, second] = cluster.nodes;
  const put = (node, key, value, bucket = "default") => post(`${node.url}/`, { type: "PUT", key, value, bucket });
  for (let at = 1; at <= 20; at++) await put(first, `key_${at}`, `value ${at}`);
  await fetch(`${first.url}/v1/buckets/carts`, { method: "PUT", body: '{"rule":"siblings"}' });
  await until("the bucket is known", () => put(first, "ann", '{"bread":1}', "carts").catch(() => undefined));
  await until("the bucket is known", () => put(second, "ann", '{"bread":1,"milk":2}', "carts").catch(() => undefined));
  let turn = 0;
  const load = setInterval(() => {
    turn++;
    const reads = 1 + Math.round(2 * Math.abs(Math.sin(turn / 120)));
    for (let read = 0; read < reads; read++) void post(`${first.url}/`, { type: "GET", key: `key_${1 + (turn % 20)}` }).catch(() => {});
    void put(first, `key_${1 + (turn % 20)}`, `value ${turn}`).catch(() => {});
  }, 30);
  const page = await browser.newPage({ viewport: { width: 1180, height: 800 }, locale: "en-GB", colorScheme: "light" });
  await fromFolder(page);
  await page.goto(`${first.url}/console`);
  await page.waitForTimeout(Number(process.env.SECONDS ?? 90) * 1e3);
  for (const [name, path] of Object.entries(pages)) {
    await page.evaluate((to) => (location.hash = `#/${to}`), path);
    await page.locator(`main.page-${name} h1`).waitFor();
    if (name === "tour") await pretend(page);
    await page.waitForTimeout(2_500);
    await page.screenshot({ path: join(folder, `${name}.png`) });
  }
  clearInterval(load);
} finally {
  await browser.close();
  await cluster.stop();
}
