// node-redis: version 3 of the protocol, automatic pipelines, scans, and going on at another node.
const assert = require("node:assert");
const { createClient } = require("redis");
const nodes = process.env.NODES.trim().split(" ");

async function connect(at) {
  const client = createClient({ url: `redis://${nodes[at]}`, RESP: 3, socket: { reconnectStrategy: false } });
  client.on("error", () => {});
  await client.connect();
  return client;
}

async function main() {
  let client = await connect(0);
  assert.equal(await client.set("k", "v", { EX: 100 }), "OK");
  assert.ok((await client.ttl("k")) > 90);
  await client.hSet("h", { a: "1", b: "2" });
  assert.deepEqual({ ...(await client.hGetAll("h")) }, { a: "1", b: "2" });
  await client.sAdd("s", ["x", "y"]);
  assert.deepEqual([...(await client.sMembers("s"))].sort(), ["x", "y"]);
  await assert.rejects(client.set("lock", "me", { NX: true }), /linearizable/);
  const acknowledged = {};
  for (let i = 0; i < 20; i++) {
    if (i === 7) process.kill(Number(process.env.KILL), "SIGKILL");
    const keys = Array.from({ length: 25 }, (_, n) => `key:${n}`);
    const write = (client) => Promise.all(keys.map((key) => client.set(key, String(i))));
    try {
      await write(client);
    } catch {
      client = await connect(1);
      await write(client);
    }
    keys.forEach((key) => (acknowledged[key] = String(i)));
  }
  const other = await connect(2);
  assert.deepEqual(await other.mGet(Object.keys(acknowledged)), Object.values(acknowledged));
  const seen = new Set();
  for await (const keys of other.scanIterator({ MATCH: "key:*", COUNT: 10 })) [keys].flat().forEach((key) => seen.add(key));
  assert.deepEqual([...seen].sort(), Object.keys(acknowledged).sort());
  await Promise.all([client.close(), other.close()]);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
