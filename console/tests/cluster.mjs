// A real cluster of three nodes on free ports, and its end.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
export const alianza = process.env.ALIANZA ?? join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "debug/alianza");

/** The first line that a process says, or an error with what it complained about. */
function firstLine(process, what) {
  return new Promise((resolve, reject) => {
    let complaint = "";
    process.stderr.on("data", (data) => (complaint += data));
    process.once("exit", () => reject(new Error(`${what} ended: ${complaint}`)));
    createInterface({ input: process.stdout }).once("line", resolve);
  });
}

export async function startCluster() {
  if (!existsSync(alianza)) throw new Error(`${alianza} is missing: cargo build -p alianza, or give ALIANZA`);
  const place = mkdtempSync(join(tmpdir(), "alianza-console-"));
  const dev = spawn(alianza, ["dev", "--port", "0", "--json", "--data-dir", place], { stdio: ["ignore", "pipe", "pipe"] });
  const more = [];
  const stop = async () => {
    const all = [dev, ...more].filter((one) => one.exitCode === null);
    const ended = all.map((one) => new Promise((resolve) => one.once("exit", resolve)));
    for (const one of all) one.kill("SIGTERM");
    await Promise.all(ended);
    rmSync(place, { recursive: true, force: true });
  };
  try {
    const { nodes } = JSON.parse(await firstLine(dev, "alianza dev"));
    const kill = (node) => process.kill(node.pid, "SIGKILL");
    /** Starts one more node, which joins. */
    const join_ = (name) => {
      const args = ["start", "--port", "0", "--name", name, "--seeds", nodes[0].url, "--data-dir", join(place, name)];
      more.push(spawn(alianza, args, { stdio: "ignore" }));
    };
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
