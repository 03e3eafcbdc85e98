// A real cluster of three nodes on free ports, and its end.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
export const alianza = process.env.ALIANZA ?? join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "debug/alianza");

/** Fewer partitions than usual, so that statements over the whole cluster are quick on slow machines, too. */
const PARTITIONS_BITS = 9;

async function freePorts(count) {
  const servers = await Promise.all(Array.from({ length: count }, () => new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => resolve(server));
  })));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** One node that serves only those who show a token, and that token. */
export async function startGuarded() {
  const place = mkdtempSync(join(tmpdir(), "alianza-guarded-"));
  const file = join(place, "token");
  spawnSync(alianza, ["token", "bootstrap", file]);
  const [port] = await freePorts(1);
  const args = ["start", "--port", String(port), "--data-dir", join(place, "data"), "--admin-token-file", file];
  const node = spawn(alianza, args, { stdio: "ignore" });
  const url = `http://127.0.0.1:${port}`;
  await until("the guarded node is ready", () => fetch(`${url}/readyz`).then((answer) => answer.ok, () => false), 60_000);
  const stop = async () => {
    const ended = new Promise((resolve) => node.once("exit", resolve));
    node.kill("SIGTERM");
    await ended;
    rmSync(place, { recursive: true, force: true });
  };
  return { url, token: readFileSync(file, "utf8").trim(), stop };
}

/** Three nodes that are ready, each a process of its own. */
export async function startCluster() {
  if (!existsSync(alianza)) throw new Error(`${alianza} is missing: cargo build -p alianza, or give ALIANZA`);
  const place = mkdtempSync(join(tmpdir(), "alianza-console-"));
  const processes = [];
  const start = (name, port, more) => {
    const args = ["start", "--port", String(port), "--data-dir", join(place, `${name}-${port}`), ...more];
    const one = spawn(alianza, args, { stdio: "ignore" });
    processes.push(one);
    return one;
  };
  const stop = async () => {
    const running = processes.filter((one) => one.exitCode === null && one.signalCode === null);
    const ended = running.map((one) => new Promise((resolve) => one.once("exit", resolve)));
    for (const one of running) one.kill("SIGTERM");
    await Promise.all(ended);
    rmSync(place, { recursive: true, force: true });
  };
  try {
    const ports = await freePorts(3);
    const seeds = ["--seeds", `http://127.0.0.1:${ports[0]}`];
    const nodes = [];
    for (const port of ports) {
      const one = start("node", port, nodes.length === 0 ? ["--partitions-bits", String(PARTITIONS_BITS)] : seeds);
      const url = `http://127.0.0.1:${port}`;
      const ready = await until(`the node on port ${port} is ready`, () => fetch(`${url}/readyz`).then((answer) => answer.ok && answer.json(), () => undefined), 60_000);
      nodes.push({ name: ready.name, url, process: one });
    }
    await until("nothing moves any more", async () => {
      const now = await (await fetch(`${nodes[0].url}/v1/cluster`)).json();
      return now.members.length === 3 && now.stable === now.epoch;
    }, 60_000);
    /** Ends a node without a warning. */
    const kill = (node) => node.process.kill("SIGKILL");
    /** Starts one more node, which joins. */
    const join_ = (name) => start(name, 0, ["--name", name, ...seeds]);
    return { nodes, kill, join: join_, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

export async function post(url, body) {
  const response = await fetch(url, { method: "POST", body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${url}: ${await response.text()}`);
  return response.json();
}

/** Asks until something is so. Bounded, and says what was waited for. */
export async function until(what, condition, patience = 20_000) {
  const end = Date.now() + patience;
  for (;;) {
    const found = await condition();
    if (found) return found;
    if (Date.now() > end) throw new Error(`not in ${patience / 1e3} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
