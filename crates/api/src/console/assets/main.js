// The console: asks this node how things are every other second while somebody looks, and the ring and the history only
// when the epoch has changed.

import { ask, byId } from "./dom.js";
import { startQueries, refreshQuery } from "./query.js";
import { drawRing } from "./ring.js";
import { showEvents, showHealth, showMembers } from "./members.js";

const EVERY_MS = 2_000;

let ring = { epoch: undefined, members: [], runs: [] };
let shown = "";

async function refresh() {
  try {
    const cluster = await ask("/v1/cluster");
    if (cluster.epoch !== ring.epoch) {
      ring = await ask("/v1/ring");
      drawRing(ring);
      showEvents(await ask("/events"));
    }
    showHealth(cluster);
    // Rows that have the focus should not be replaced by equal ones.
    const now = JSON.stringify([cluster.members, ring.epoch]);
    if (now !== shown) showMembers(cluster, ring);
    shown = now;
  } catch (error) {
    byId("health").textContent = error.message;
    byId("health").className = "bad";
  }
}

async function loop() {
  if (document.visibilityState === "visible") {
    await refresh();
    refreshQuery();
  }
  setTimeout(loop, EVERY_MS);
}

document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && refresh());
startQueries();
loop();
