// Sessions of Express in connect-redis: somebody logs in at one application server and goes on at another when the first one's
// node is killed.
const assert = require("node:assert");
const express = require("express");
const session = require("express-session");
const { RedisStore } = require("connect-redis");
const { createClient } = require("redis");
const nodes = process.env.NODES.trim().split(" ");

async function server(at) {
  const client = createClient({ url: `redis://${nodes[at]}`, socket: { reconnectStrategy: false } });
  client.on("error", () => {});
  await client.connect();
  const app = express();
  const store = new RedisStore({ client, prefix: "session:", ttl: 600 });
  app.use(session({ store, secret: "a secret of the test", resave: false, saveUninitialized: false }));
  app.get("/login", (request, response) => {
    request.session.user = "Ann";
    request.session.views = 0;
    response.send("in");
  });
  app.get("/view", (request, response) => {
    request.session.views = (request.session.views ?? -1) + 1;
    response.json({ user: request.session.user ?? null, views: request.session.views });
  });
  app.get("/logout", (request, response) => request.session.destroy(() => response.send("out")));
  return new Promise((resolve) => {
    const listening = app.listen(0, "127.0.0.1", () => resolve({ port: listening.address().port, store, client }));
  });
}

async function main() {
  const [first, second, third] = await Promise.all([server(0), server(1), server(2)]);
  const ask = (at, path, cookie) => fetch(`http://127.0.0.1:${at.port}${path}`, { headers: cookie ? { cookie } : {} });
  const login = await ask(first, "/login");
  const cookie = login.headers.get("set-cookie").split(";")[0];
  assert.deepEqual(await (await ask(first, "/view", cookie)).json(), { user: "Ann", views: 1 });
  assert.deepEqual(await (await ask(second, "/view", cookie)).json(), { user: "Ann", views: 2 });
  process.kill(Number(process.env.KILL), "SIGKILL");
  assert.deepEqual(await (await ask(second, "/view", cookie)).json(), { user: "Ann", views: 3 });
  assert.deepEqual(await (await ask(third, "/view", cookie)).json(), { user: "Ann", views: 4 });
  assert.equal(await new Promise((resolve, reject) => third.store.length((e, n) => (e ? reject(e) : resolve(n)))), 1);
  const [key] = await third.client.keys("session:*");
  const left = await third.client.ttl(key);
  assert.ok(left > 500 && left <= 600, String(left));
  await ask(third, "/logout", cookie);
  assert.equal((await (await ask(second, "/view", cookie)).json()).user, null);
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
