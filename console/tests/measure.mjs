// Measures the console: first paint on loopback, bytes over the wire, and drawing a ring of 100 nodes. Prints JSON.
//   node tests/measure.mjs [repetitions]     SHOT=file.png takes a picture of the 100 nodes

import { createHash } from "node:crypto";
import { fromFolder, launch } from "./browser.mjs";
import { startCluster } from "./cluster.mjs";

const times = Number(process.argv[2] ?? 15);
const cluster = await startCluster();
const browser = await launch();
const { url } = cluster.nodes[0];

const sorted = (values) => [...values].sort((a, b) => a - b);
const summary = (values) => {
  const all = sorted(values).map((value) => Math.round(value * 10) / 10);
  return { median: all[all.length >> 1], highest: all.at(-1), all };
};

async function loads() {
  const [paint, ready] = [[], []];
  let bytes = 0;
  for (let turn = 0; turn < times; turn++) {
    const page = await browser.newPage({ viewport: { width: 1280, height: 860 } });
    await fromFolder(page);
    await page.goto(`${url}/console`);
    await page.locator(".hero.good").waitFor();
    const seen = await page.evaluate(() => ({
      paint: performance.getEntriesByName("first-contentful-paint")[0].startTime,
      ready: performance.now(),
      bytes: [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
        .filter((entry) => new URL(entry.name).pathname.startsWith("/console"))
        .reduce((sum, entry) => sum + entry.encodedBodySize, 0),
    }));
    paint.push(seen.paint);
    ready.push(seen.ready);
    bytes = seen.bytes;
    await page.close();
  }
  return { firstPaintMs: summary(paint), healthShownMs: summary(ready), bytesOverTheWire: bytes };
}

/** A cluster of so many nodes, as a node would describe it. */
function pretended(count, partitions = 4_096, tokensEach = 16) {
  const free = new Set(Array.from({ length: partitions }, (_, at) => at));
  const hash = (text) => createHash("sha1").update(text).digest();
  const names = Array.from({ length: count }, (_, at) => `Node ${at + 1}`);
  const members = names.map((name, at) => {
    const nodeId = hash(name).toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*/, "$1-$2-$3-$4-$5");
    const tokens = [];
    for (let turn = 0; tokens.length < tokensEach; turn++) {
      const partition = hash(`${name}/${turn}`).readUInt16BE() % partitions;
      if (!free.delete(partition)) continue;
      tokens.push((((partition + 1) * (65_536 / partitions)) % 65_536).toString(16).padStart(4, "0") + "0".repeat(36));
    }
    return { nodeId, name, uri: `http://10.0.${at >> 8}.${at & 255}:8080`, zone: null, weight: 100, tokens };
  });
  const events = members.map((about, at) => ({ epoch: at + 2, timestamp: Date.now(), time: "", type: "ADD", about }));
  const ring = { epoch: count + 1, partitions, n: 3, members: members.map((member) => ({ ...member, primaries: 0, copies: 0 })), runs: [] };
  return { members, events, ring };
}

async function hundred() {
  const { members, events, ring } = pretended(100);
  const page = await browser.newPage({ viewport: { width: 1280, height: 860 } });
  await fromFolder(page);
  const real = await (await fetch(`${url}/v1/cluster`)).json();
  const states = members.map((member, at) => ({
    ...real.members[0], ...member, tokens: 16, self: at === 0, seed: at < 3, copies: 123, roundTripMs: 0.4, condition: at % 33 === 5 ? "down" : "up",
  }));
  const answers = { "/v1/ring": ring, "/v1/history": { events }, "/v1/cluster": { ...real, epoch: 101, stable: 101, reading: 101, members: states } };
  for (const [path, answer] of Object.entries(answers)) await page.route(`**${path}`, (route) => route.fulfill({ json: answer }));
  await page.goto(`${url}/console#/events`);
  await page.locator(".timeline li").first().waitFor();
  const took = [];
  for (let turn = 0; turn < times; turn++) {
    took.push(await page.evaluate(draw));
    await page.evaluate(() => (location.hash = "#/events"));
    await page.locator(".timeline li").first().waitFor();
  }
  if (process.env.SHOT) {
    await page.evaluate(() => (location.hash = "#/ring"));
    await page.locator(".ring .member").nth(99).waitFor();
    await page.screenshot({ path: process.env.SHOT });
  }
  await page.close();
  return { ringOf100Ms: summary(took) };
}

/** Runs in the page: from the click on "Ring" to the frame after the one in which all members were drawn. */
function draw() {
  return new Promise((resolve) => {
    const began = performance.now();
    const frame = () => {
      if (document.querySelectorAll(".ring .member").length < 100) return void requestAnimationFrame(frame);
      requestAnimationFrame(() => resolve(performance.now() - began));
    };
    location.hash = "#/ring";
    requestAnimationFrame(frame);
  });
}

try {
  console.log(JSON.stringify({ ...(await loads()), ...(await hundred()) }, undefined, 2));
} finally {
  await browser.close();
  await cluster.stop();
}
