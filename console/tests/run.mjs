// The console in headless Chromium against a real cluster of three nodes, of which one is killed in the end.
//   node tests/run.mjs            everything
//   node tests/run.mjs NAME…      only scenarios whose names contain one of these

import assert from "node:assert/strict";
import { audit } from "./audit.mjs";
import { fromFolder, launch } from "./browser.mjs";
import { post, startCluster, startGuarded, until } from "./cluster.mjs";

const PAGES = ["overview", "ring", "members", "events", "data", "sql", "audit", "tour"];
const wanted = process.argv.slice(2);
const started = Date.now();

const cluster = await startCluster();
const browser = await launch();
const [first, second, third] = cluster.nodes;
let failed = 0;
let passed = 0;

/** A fresh page; whatever it complains about fails the scenario. */
async function open(path, { node = first, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "en-GB", ...options });
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  page.complaints = [];
  page.on("pageerror", (error) => page.complaints.push(error.message));
  page.on("console", (message) => message.type() === "error" && page.complaints.push(message.text()));
  page.on("request", (request) => request.url().startsWith(node.url) || request.url().startsWith("blob:") || page.complaints.push(`a request to ${request.url()}`));
  await fromFolder(page);
  await page.goto(`${node.url}/console#/${path}`);
  await page.locator("h1").waitFor();
  return page;
}

async function scenario(name, run) {
  if (wanted.length > 0 && !wanted.some((part) => name.includes(part))) return;
  const before = Date.now();
  try {
    await run();
    passed++;
    console.log(`passed ${name} (${((Date.now() - before) / 1e3).toFixed(1)} s)`);
  } catch (error) {
    failed++;
    console.log(`FAILED ${name}: ${error.stack}`);
    const page = browser.contexts().at(-1)?.pages().at(-1);
    if (page && process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/failed.png`, fullPage: true });
  } finally {
    for (const context of browser.contexts()) await context.close();
  }
}

const quiet = (page) => assert.deepEqual(page.complaints, []);
const text = (page, selector) => page.locator(selector).innerText();
const put = (key, value, more = {}) => post(`${first.url}/`, { type: "PUT", key, value, ...more });

try {
  await scenario("every page is usable by everybody", async () => {
    const looks = [
      { colorScheme: "light", viewport: { width: 1280, height: 900 } },
      { colorScheme: "dark", viewport: { width: 390, height: 844 }, locale: "es-ES" },
    ];
    for (const look of looks) {
      const page = await open("overview", look);
      for (const name of PAGES) {
        await page.evaluate((to) => (location.hash = `#/${to}`), name);
        await page.locator(`main.page-${name} h1`).waitFor();
        await page.locator(".loading").first().waitFor({ state: "detached" });
        assert.deepEqual(await audit(page), [], `${name} in ${JSON.stringify(look)}`);
      }
      quiet(page);
    }
  });

  await scenario("overview: one sentence, numbers, charts of what is done", async () => {
    const page = await open("overview");
    await page.getByRole("heading", { level: 1, name: "All is well: 3 nodes are up and nothing is moving." }).waitFor();
    assert.equal(await text(page, ".tile:first-child .tile-value"), "3 / 3");
    let turn = 0;
    const busy = setInterval(() => void put(`busy_${turn++ % 50}`, "x").catch(() => {}), 20);
    try {
      const puts = page.locator(".legend li", { hasText: "put" }).locator("b");
      await until("operations are counted", async () => Number((await puts.first().innerText()).replace(/[^\d.]/g, "")) > 1);
      await until("latencies are measured", async () => /\d (µs|ms|s)$/.test(await page.locator(".legend li", { hasText: "p99" }).locator("b").innerText()));
    } finally {
      clearInterval(busy);
    }
    await until("all nodes are counted together", async () => /through 3 nodes/.test(await text(page, ".tiles")));
    await page.getByRole("button", { name: first.name, exact: true }).click();
    await until("one node is counted", async () => new RegExp(`through ${first.name}`).test(await text(page, ".tiles")));
    await until("the other nodes have a round trip", async () => /ms/.test(await text(page, "#peers tbody")));
    await page.getByRole("button", { name: "Compare", exact: true }).click();
    await until("repair is told", async () => /identical/.test(await text(page, "#repair .big-line")));
    quiet(page);
  });

  await scenario("ring: keys are located as the nodes do, by pointer and keyboard", async () => {
    const page = await open("ring");
    for (const [key, token] of [["key_2", "1388ac756f07b0dda2961436ba8596c7b7995e94"], ["key_20", "ba37975d837c55a30658a6b026c5f7937b85262e"], ["ñandú", undefined]]) {
      await page.getByLabel("Key", { exact: true }).fill(key);
      const known = await post(`${first.url}/v1/explain`, { key });
      assert.equal(await text(page, ".located code"), token ?? known.token);
      assert.equal((await text(page, "#detail h2")).replace(/\D/g, ""), String(known.partition));
      const names = await page.locator(".replicas .node").allInnerTexts();
      assert.deepEqual(names.map((name) => name.trim()), known.views[0].replicas, key);
    }
    const slider = page.getByRole("slider", { name: /^The ring\./ });
    await slider.focus();
    const at = async () => Number(await slider.getAttribute("aria-valuenow"));
    await page.keyboard.press("Home");
    await until("the first partition is chosen", async () => (await at()) === 0);
    await page.keyboard.press("ArrowRight");
    await until("the next arc is chosen", async () => (await at()) > 0);
    assert.match(await slider.getAttribute("aria-valuetext"), /^partition [\d,]+: .+ and .+/);
    const box = await slider.boundingBox();
    await page.mouse.move(box.x + box.width * (0.5 + 84 / 220), box.y + box.height / 2);
    await until("a quarter of the ring is pointed at", async () => Math.abs((await at()) - 128) < 6);
    await page.mouse.move(5, 5);
    await page.locator("#past").fill("3");
    await until("the past is shown", async () => /Epoch 3 of/.test(await text(page, ".past-words")));
    assert.match(await text(page, ".ring-middle"), /^2\s+nodes/);
    await page.getByRole("button", { name: "Back to now" }).click();
    await page.locator("#ring-members tbody button").first().focus();
    await until("the node stands out", async () => /first for [\d.]+ %/.test(await text(page, ".ring-middle")));
    quiet(page);
  });

  await scenario("data: make a bucket, write, read, edit, let end, delete", async () => {
    const page = await open("data");
    await page.getByRole("button", { name: "New" }).click();
    await page.getByLabel("Name").fill("carts");
    await page.getByRole("button", { name: "Make the bucket" }).click();
    await page.getByRole("button", { name: "carts", pressed: true }).waitFor();
    await page.getByText("Nothing is stored here yet.").waitFor();
    await page.getByLabel("Key", { exact: true }).fill("ann");
    await page.getByRole("button", { name: "Open" }).click();
    await page.getByText("There is no such item.").waitFor();
    await page.getByRole("button", { name: "Create it" }).click();
    await page.getByLabel("New value").fill('{"bread":1}');
    await page.getByLabel(/^Lives for/).last().fill("1h");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("Saved.").waitFor();
    assert.match(await text(page, ".value-text"), /"bread": 1/);
    const found = await post(`${first.url}/`, { type: "GET", key: "ann", bucket: "carts" });
    assert.equal(found.value, '{"bread":1}');
    const explained = await post(`${first.url}/v1/explain`, { key: "ann", bucket: "carts" });
    const end = explained.versions[0].expires;
    assert.ok(end > Date.now());
    await until("all replicas are current", async () => {
      await page.getByRole("button", { name: "Read again" }).click();
      return (await page.locator(".answers-row .badge.good").count()) === 3;
    });
    await page.getByRole("button", { name: "Edit" }).click();
    await page.getByLabel("New value").fill("milk");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await until("the new value is shown", async () => (await text(page, ".value-text")) === "milk");
    const edited = await post(`${first.url}/`, { type: "GET", key: "ann", bucket: "carts" });
    assert.ok(Math.abs(edited.expires - end) < 2_000, `it ends as before: ${edited.expires} and ${end}`);
    await page.getByRole("button", { name: "bytes" }).click();
    assert.match(await text(page, ".value-text"), /6d 69 6c 6b/);
    await page.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("button", { name: "Yes, delete" }).click();
    await page.getByText("Deleted.").waitFor();
    await page.getByText("There is no such item.").waitFor();
    // The browser itself says that an item was not found.
    page.complaints = page.complaints.filter((complaint) => !complaint.includes("404"));
    quiet(page);
  });

  await scenario("data: siblings side by side, resolved", async () => {
    await put("bob", "bread", { bucket: "carts" });
    await post(`${second.url}/`, { type: "PUT", key: "bob", value: "milk", bucket: "carts" });
    const page = await open("data?bucket=carts&key=bob");
    await until("both are shown", async () => (await page.locator(".sibling").count()) === 2);
    await page.getByRole("button", { name: "Merge by hand" }).click();
    assert.deepEqual((await page.getByLabel("New value").inputValue()).split("\n").sort(), ["bread", "milk"]);
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.locator(".sibling", { hasText: "milk" }).getByRole("button", { name: "Keep this one" }).click();
    await page.getByText("Decided: one version is left.").waitFor();
    const found = await post(`${second.url}/`, { type: "GET", key: "bob", bucket: "carts" });
    assert.deepEqual(found.values, [{ value: "milk" }]);
    quiet(page);
  });

  await scenario("data: editing keeps media type, line ends, and versions that are not text", async () => {
    await put("page", "<p>\r\n</p>\r\n", { contentType: "text/html" });
    const page = await open("data?bucket=default&key=page");
    await page.getByText("text/html").waitFor();
    await page.getByRole("button", { name: "Edit" }).click();
    await page.getByLabel("New value").fill("<p>\n<b></p>\n");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("Saved.").waitFor();
    const found = await post(`${first.url}/`, { type: "GET", key: "page" });
    assert.deepEqual([found.value, found.contentType, found.expires], ["<p>\r\n<b></p>\r\n", "text/html", undefined]);
    await put("cleo", "bread", { bucket: "carts" });
    await post(`${second.url}/`, { type: "PUT", key: "cleo", value_base64: "/wE=", contentType: "image/png", bucket: "carts" });
    await page.evaluate(() => (location.hash = "#/data?bucket=carts&key=cleo"));
    await page.getByText("so they cannot be merged here").waitFor();
    assert.equal(await page.getByRole("button", { name: "Merge by hand" }).count(), 0);
    await page.locator(".sibling", { hasText: "image/png" }).getByRole("button", { name: "Keep this one" }).click();
    await page.getByText("Decided: one version is left.").waitFor();
    const kept = await post(`${first.url}/`, { type: "GET", key: "cleo", bucket: "carts" });
    assert.deepEqual(kept.values, [{ value_base64: "/wE=", contentType: "image/png" }]);
    quiet(page);
  });

  await scenario("data: where the last writer wins, nothing is written over what was not shown", async () => {
    await put("sign", "open");
    const page = await open("data?bucket=default&key=sign");
    await page.getByText("In this bucket the last writer wins.").waitFor();
    await page.getByRole("button", { name: "Edit" }).click();
    await page.getByLabel("New value").fill("shut");
    await put("sign", "ajar");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("Nothing was written: others changed it meanwhile.").waitFor();
    assert.equal(await text(page, ".value-text"), "ajar");
    assert.equal((await post(`${first.url}/`, { type: "GET", key: "sign" })).value, "ajar");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("Saved.").waitFor();
    assert.equal((await post(`${first.url}/`, { type: "GET", key: "sign" })).value, "shut");
    quiet(page);
  });

  await scenario("data: bytes, sort keys, counters, and many items", async () => {
    await post(`${first.url}/`, { type: "PUT", key_base64: "/wE=", value_base64: "AAEC/w==" });
    await put("user:7", "logged in", { sort: "2026-11-21" });
    await put("visits", "41");
    for (let at = 0; at < 120; at += 20) await Promise.all(Array.from({ length: 20 }, (_, n) => put(`many_${at + n}`, `value ${at + n}`)));
    const page = await open("data");
    await page.getByRole("button", { name: "Show more" }).click();
    await until("more are shown", async () => (await page.locator(".items li").count()) > 60);
    await page.evaluate(() => (location.hash = "#/data?bucket=default&key64=%2FwE%3D"));
    await until("bytes are shown", async () => /00 01 02 ff/.test(await text(page, ".value-text")));
    await page.evaluate(() => (location.hash = "#/data?bucket=default&key=visits"));
    await page.getByRole("button", { name: "+1" }).click();
    await until("it is counted", async () => (await text(page, ".value-text")) === "42");
    await page.getByLabel("Key", { exact: true }).fill("user:7");
    await page.getByRole("button", { name: "List all items of user:7" }).click();
    await until("one key is listed", async () => (await page.locator(".items li").count()) === 1);
    await page.locator(".items a").click();
    await until("the item is open", async () => (await text(page, ".value-text")) === "logged in");
    quiet(page);
  });

  await scenario("data: a linearizable bucket changes only what was read", async () => {
    await fetch(`${first.url}/v1/buckets/locks`, { method: "PUT", body: '{"mode":"linearizable"}' });
    // The other nodes learn of the bucket a moment later.
    await until("the bucket is known", () => put("door", "open", { bucket: "locks" }).catch(() => undefined));
    const page = await open("data?bucket=locks&key=door");
    await page.getByText("Version 1.").waitFor();
    await put("door", "ajar", { bucket: "locks" });
    await page.getByRole("button", { name: "Edit" }).click();
    await page.getByLabel("New value").fill("shut");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.locator(".trouble").waitFor();
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByRole("button", { name: "Read again" }).click();
    await page.getByText("Version 2.").waitFor();
    await page.getByRole("button", { name: "Edit" }).click();
    await page.getByLabel("New value").fill("shut");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("Version 3.").waitFor();
  });

  await scenario("sql: rows, mistakes in words, another statement by keyboard", async () => {
    await put("sql_1", "one");
    const page = await open("sql");
    await page.locator("#rows tbody tr").first().waitFor();
    const statement = page.getByRole("textbox", { name: /^Columns of item/ });
    await statement.fill("SELECT key, length(value) AS bytes FROM item WHERE key = 'sql_1'");
    await page.keyboard.press("Control+Enter");
    await until("the row is shown", async () => (await text(page, "#rows tbody")).replace(/\s+/g, " ") === "sql_1 3");
    await statement.fill("SELECT count(*) AS items FROM item WHERE key = 'sql_1'");
    await page.getByRole("button", { name: "whole cluster" }).click();
    await until("it is counted once", async () => (await text(page, "#rows tbody")) === "1");
    await statement.fill("SELECT count(*) > 0 FROM item WHERE bucket = 'locks'");
    await page.keyboard.press("Control+Enter");
    await until("items of linearizable buckets are there", async () => (await text(page, "#rows tbody")) === "1");
    await statement.fill("SELEKT");
    await page.getByRole("button", { name: /^Run/ }).click();
    await page.getByText("SQLite says").waitFor();
  });

  await scenario("members: plan, apply, and the event as it arrives", async () => {
    const events = await open("events");
    await events.locator(".timeline .entry").first().waitFor();
    // What is asked for now and then does not get through, so it must come by the stream.
    await events.route("**/v1/history", () => {});
    const page = await open("members");
    const name = second.name;
    await page.getByRole("button", { name: `Change ${name}` }).click();
    await page.getByLabel("What").selectOption("reweigh");
    await page.getByRole("spinbutton", { name: "Weight" }).fill("150");
    await page.getByText(`alianza cluster plan --reweigh ${name} --weight 150`).waitFor();
    await page.getByRole("button", { name: "See the plan" }).click();
    await page.getByText("No data is put at risk.").waitFor();
    assert.match(await text(page, ".plan .big-line"), /partitions? would move|No data would move/);
    await page.getByRole("button", { name: "Do it" }).click();
    await page.getByText(/Decided, as epoch \d+/).waitFor();
    await until("the event arrives", async () => /got weight 150/.test(await text(events, ".timeline")));
    await events.unrouteAll({ behavior: "ignoreErrors" });
    await until("the change is through", async () => {
      const now = await (await fetch(`${first.url}/v1/cluster`)).json();
      return now.stable === now.epoch;
    }, 30_000);
    await page.getByLabel("What").selectOption("bucket");
    await page.getByRole("spinbutton", { name: "Copies" }).fill("2");
    await page.getByRole("button", { name: "See the plan" }).click();
    await page.getByRole("button", { name: "Forget the plan" }).click();
    await page.getByRole("button", { name: "Do it" }).waitFor({ state: "detached" });
    quiet(page);
    quiet(events);
  });

  await scenario("tour: ten keys, a node that is pretended, and one that really joins", async () => {
    const page = await open("tour");
    const next = () => page.getByRole("button", { name: "Next" }).click();
    await next();
    await page.getByRole("button", { name: "Store tour_1 … tour_10" }).click();
    await page.getByText("10 are stored, with at least 2 copies on disk before the answer.").waitFor();
    await next();
    const owner = await page.locator("#tour-step tbody tr", { hasText: "tour_7" }).locator(".node").innerText();
    const known = await post(`${first.url}/v1/explain`, { key: "tour_7" });
    assert.equal(owner.trim(), known.views[0].replicas[0]);
    await next();
    await page.getByRole("button", { name: "Only pretend" }).click();
    await page.getByText("This is about how it would look.").waitFor();
    assert.ok((await page.locator(".ring .motion").count()) > 0);
    await page.getByRole("button", { name: "Stop pretending" }).click();
    await page.getByText("waiting for it to join").waitFor();
    cluster.join("Ofelia");
    await page.getByText("Ofelia has joined.").waitFor({ timeout: 30_000 });
    await page.getByText(/Copies? of .+ keys move/).waitFor();
    const moves = await page.locator("tr.moves").allInnerTexts();
    assert.ok(moves.length > 0 && moves.every((move) => move.includes("Ofelia")), moves.join("; "));
    await until("the keys have moved", async () => {
      const now = await (await fetch(`${first.url}/v1/cluster`)).json();
      return now.stable === now.epoch;
    }, 30_000);
    const key = moves[0].split(/\s/)[0];
    const after = await post(`${first.url}/v1/explain`, { key });
    assert.ok(after.nodes.some((node) => node.name === "Ofelia" && node.holds === "record"), `Ofelia has ${key}`);
    await next();
    await page.getByRole("button", { name: "Read all ten, at a quorum" }).click();
    await page.getByText("10 of 10 were read.").waitFor();
    await next();
    await page.getByRole("button", { name: "Delete the ten keys" }).click();
    await page.getByText("They are gone.").waitFor();
    quiet(page);
  });

  await scenario("members: a node leaves, with its progress on the page", async () => {
    const page = await open("members");
    await page.getByRole("button", { name: "Change Ofelia" }).click();
    await page.getByText("alianza cluster plan --leave Ofelia").waitFor();
    await page.getByRole("button", { name: "See the plan" }).click();
    await page.getByRole("button", { name: "Do it" }).click();
    await page.getByText(/Decided, as epoch \d+/).waitFor();
    await until("she is gone", async () => (await page.locator("tr[data-member]").count()) === 3, 40_000);
    await page.evaluate(() => (location.hash = "#/events"));
    await page.getByText("Ofelia left.").waitFor();
    quiet(page);
  });

  await scenario("language and colours are chosen and remembered", async () => {
    const page = await open("members");
    await page.getByRole("button", { name: "Español" }).click();
    await page.getByRole("heading", { level: 1, name: "Miembros" }).waitFor();
    await page.getByRole("button", { name: "Oscuro" }).click();
    await page.reload();
    await page.getByRole("heading", { level: 1, name: "Miembros" }).waitFor();
    assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).colorScheme), "dark");
    quiet(page);
  });

  await scenario("one node is killed: every page says so, and goes on", async () => {
    cluster.kill(third);
    const page = await open("overview");
    await page.getByRole("heading", { level: 1, name: `${third.name} cannot be reached.` }).waitFor({ timeout: 25_000 });
    await page.getByText("Reads and writes at level quorum go on.").waitFor();
    for (const name of PAGES) {
      await page.evaluate((to) => (location.hash = `#/${to}`), name);
      await page.locator(`main.page-${name} h1`).waitFor();
      await page.locator(".loading").first().waitFor({ state: "detached" });
      assert.deepEqual(await audit(page), [], name);
      await page.setViewportSize({ width: 390, height: 844 });
      assert.deepEqual(await audit(page), [], `${name} on a phone`);
      await page.setViewportSize({ width: 1280, height: 900 });
    }
    await page.evaluate(() => (location.hash = "#/ring"));
    await page.locator(`.ring .member[data-node="${third.name}"] path[fill^="url"]`).waitFor();
    await page.evaluate(() => (location.hash = "#/members"));
    await page.locator(`tr[data-member="${third.name}"]`).getByText("down").waitFor();
    await page.getByText(`--replace ${third.name}`).waitFor();
    await put("while_down", "written");
    await page.evaluate(() => (location.hash = "#/data?bucket=default&key=while_down"));
    await until("it is read", async () => (await text(page, ".value-text")) === "written");
    await page.locator(".answers-row .badge.bad").waitFor();
    const counted = await post(`${first.url}/console/sql`, { sql: "SELECT count(*) FROM item WHERE key = 'while_down'", scope: "cluster" });
    assert.deepEqual([counted.rows, counted.partial], [[[1]], undefined]);
    await page.evaluate(() => (location.hash = "#/overview"));
    await until("the hint is counted", async () => Number(await page.locator(".tile", { hasText: "Hints" }).locator(".tile-value").innerText()) > 0);
    // Until it was known to be down, it was asked for its numbers.
    page.complaints = page.complaints.filter((complaint) => !complaint.includes("503"));
    quiet(page);
  });

  await scenario("login: a token is shown once, changes go through, and logging out ends it", async () => {
    const node = await startGuarded();
    try {
      const page = await open("overview", { node });
      await page.getByRole("heading", { level: 1, name: "Who are you?" }).waitFor();
      assert.deepEqual(await audit(page), []);
      if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/login.png` });
      await page.getByLabel("API token").fill("alianza_0_0");
      await page.getByRole("button", { name: "Log in" }).click();
      await page.getByRole("alert").getByText("unknown, revoked or over").waitFor();
      await page.getByLabel("API token").fill(node.token);
      await page.getByRole("button", { name: "Log in" }).click();
      await page.getByRole("heading", { level: 1, name: /^One node only/ }).waitFor();
      assert.equal(await page.evaluate(() => document.cookie), "", "no script reads the cookie");
      await page.getByRole("link", { name: "Audit" }).click();
      const line = (state) => page.locator("#audit tbody tr", { hasText: "login" }).filter({ hasText: state });
      await line("refused").getByText("unknown, revoked or over").waitFor();
      await line("done").getByText("console").waitFor();
      assert.deepEqual(await audit(page), []);
      if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/audit.png` });
      await page.getByLabel("Filter").fill("nothing has this");
      await page.getByText("Nothing matches.").waitFor();
      const put = () => page.evaluate(() => fetch("/v1/buckets/default/items/k", { method: "PUT", body: "v" }).then((answer) => answer.status));
      assert.equal(await put(), 200);
      const stored = page.evaluate(() => new Promise((resolve) => {
        const script = document.createElement("script");
        script.onload = () => resolve("ran");
        script.onerror = () => resolve("refused");
        script.src = "/v1/buckets/default/items/k";
        document.head.append(script);
      }));
      assert.equal(await stored, "refused", "what is stored is no script");
      await page.getByRole("button", { name: "Log out" }).click();
      await page.getByRole("heading", { level: 1, name: "Who are you?" }).waitFor();
      assert.equal(await put(), 401);
    } finally {
      await node.stop();
    }
  });

  await scenario("the node of the page is killed: the page says so", async () => {
    const page = await open("overview", { node: second });
    await page.locator(".tiles").waitFor();
    cluster.kill(second);
    await page.getByRole("heading", { level: 1, name: `${second.name} does not answer.` }).waitFor();
    await page.evaluate(() => (location.hash = "#/ring"));
    await page.locator(".chip.bad").waitFor();
  });
} finally {
  await browser.close();
  await cluster.stop();
}
console.log(`console: ${passed} passed, ${failed} failed, in ${((Date.now() - started) / 1e3).toFixed(0)} s`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);
