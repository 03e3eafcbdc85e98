// The SQL box over the items of this node, and its rows.

import { ask, byId, count, make } from "./dom.js";

/** Rows put on the page; more make browsers slow and nobody wiser. */
const ROWS_MAX = 1_000;
/** A query slower than this is not repeated by itself. */
const CHEAP_MS = 250;
const AGAIN_MS = 5_000;
/** Characters of one cell. */
const CELL_MAX = 2_000;
/** Cells up to this long, such as hashes, are not broken over lines. */
const WHOLE = 40;

let last = { sql: undefined, took: 0, at: 0 };
let running = false;

/** Makes the box work. */
export function startQueries() {
  byId("query-form").addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  byId("query").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      run();
    }
  });
  run();
}

/** Repeats the last query if that is wanted, cheap, and not being edited. */
export function refreshQuery() {
  const due = performance.now() - last.at > AGAIN_MS && last.took < CHEAP_MS;
  if (byId("query-auto").checked && due && byId("query").value === last.sql) run();
}

async function run() {
  if (running) return;
  running = true;
  const sql = byId("query").value;
  const started = performance.now();
  try {
    const answer = await ask("/console/sql", { sql });
    last = { sql, took: performance.now() - started, at: performance.now() };
    show(answer);
  } catch (error) {
    last = { sql: undefined, took: 0, at: performance.now() };
    note(error.message, true);
  } finally {
    running = false;
  }
}

function show({ columns, rows, truncated }) {
  const shown = rows.slice(0, ROWS_MAX);
  const table = make("table", {},
    make("thead", {}, make("tr", {}, ...columns.map((column) => make("th", { scope: "col" }, column)))),
    make("tbody", {}, ...shown.map((cells) => make("tr", {}, ...cells.map(cell)))));
  const box = byId("query-result");
  const top = box.scrollTop;
  box.replaceChildren(rows.length > 0 ? table : nothing());
  box.scrollTop = top;
  const more = shown.length < rows.length ? `, the first ${ROWS_MAX} shown` : "";
  byId("query-count").textContent = `(${count(rows.length, "row", "rows")}${more})`;
  note(truncated ? "There are more rows; add a LIMIT or a WHERE to see others." : "", false);
}

function cell(value) {
  if (value === null) return make("td", { class: "code null" }, "null");
  if (typeof value === "object") return make("td", { class: "code null" }, `base64 ${short(value.base64)}`);
  const text = String(value);
  return make("td", { class: text.length <= WHOLE ? "code whole" : "code" }, short(text));
}

const short = (text) => (text.length > CELL_MAX ? `${text.slice(0, CELL_MAX)}…` : text);

function nothing() {
  const put = `curl -d '{"type":"PUT","key":"key_1","value":"one"}' ${location.origin}/`;
  return make("p", { class: "empty" }, "No rows. To store something: ", make("code", {}, put));
}

function note(text, bad) {
  const line = byId("query-note");
  line.textContent = text;
  line.className = bad ? "note bad" : "note";
}
