// ioredis: its ready check, pipelines, streams of scans, reconnecting to another node by itself.
const assert = require("node:assert");
const Redis = require("ioredis");
const nodes = process.env.NODES.trim().split(" ").map((node) => node.split(":"));

async function main() {
  const [[, one], [, two], [, three]] = nodes;
  let port = Number(one);
  const client = new Redis({ host: "127.0.0.1", port, maxRetriesPerRequest: 5, retryStrategy: () => 20 });
  client.on("error", () => {});
  client.on("close", () => (client.options.port = Number(two)));
  assert.equal(await client.setex("k", 100, "v"), "OK");
  assert.equal(await client.hset("h", { a: 1, b: 2 }), 2);
  assert.deepEqual(await client.hgetall("h"), { a: "1", b: "2" });
  const results = await client.pipeline().set("p", 1).get("p").sadd("s", "x").exec();
  assert.deepEqual(results, [[null, "OK"], [null, "1"], [null, 1]]);
  await assert.rejects(client.multi().set("a", 1).exec(), /not served/);
  for (let i = 0; i < 300; i++) {
    if (i === 100) process.kill(Number(process.env.KILL), "SIGKILL");
    assert.equal(await client.set(`key:${i % 50}`, i), "OK");
  }
  const other = new Redis(Number(three), "127.0.0.1");
  const keys = Array.from({ length: 50 }, (_, n) => `key:${n}`);
  assert.deepEqual(await other.mget(keys), keys.map((_, n) => String(250 + n)));
  const seen = new Set();
  for await (const some of other.scanStream({ match: "key:*", count: 10 })) some.forEach((key) => seen.add(key));
  assert.deepEqual([...seen].sort(), keys.sort());
  assert.equal(await other.quit(), "OK");
  client.disconnect();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
