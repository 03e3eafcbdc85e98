// Builds the console into the crate that serves it: one script, one style sheet, one page, each also compressed, and
// `names.txt`, which says under which name with a hash each is served.
//   node build.mjs           writes crates/api/src/console/dist
//   node build.mjs --check   only says whether what is there is what would be written; exit code 1 if not

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, brotliDecompressSync, constants, gunzipSync, gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "../crates/api/src/console/dist");

/** The files by plain name, and the name with a hash of each. */
export async function bundle({ minify = true } = {}) {
  const result = await build({
    absWorkingDir: here,
    entryPoints: { app: "src/main.tsx" },
    bundle: true,
    minify,
    format: "esm",
    target: ["es2022"],
    jsx: "automatic",
    jsxImportSource: "preact",
    legalComments: "none",
    charset: "utf8",
    sourcemap: minify ? false : "inline",
    write: false,
    outdir: "out",
    logLevel: "warning",
  });
  const files = new Map();
  for (const { path, contents } of result.outputFiles) files.set(path.endsWith(".css") ? "app.css" : "app.js", Buffer.from(contents));
  files.set("icon.svg", readFileSync(join(here, "src/icon.svg")));
  const names = new Map([...files].map(([name, bytes]) => [name, hashed(name, bytes)]));
  let page = readFileSync(join(here, "src/index.html"), "utf8");
  for (const [name, full] of names) page = page.replaceAll(`/console/${name}`, `/console/${full}`);
  files.set("index.html", Buffer.from(page));
  names.set("index.html", hashed("index.html", files.get("index.html")));
  return { files, names };
}

function hashed(name, bytes) {
  const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 12);
  return name.replace(/\.(\w+)$/, `-${hash}.$1`);
}

const listed = (names) => [...names].map(([name, full]) => `${full} ${name}\n`).sort().join("");
const brotli = (bytes) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } });

function write({ files, names }) {
  rmSync(dist, { recursive: true, force: true });
  mkdirSync(dist, { recursive: true });
  let total = 0;
  for (const [name, bytes] of files) {
    const packed = brotli(bytes);
    total += packed.length;
    writeFileSync(join(dist, name), bytes);
    writeFileSync(join(dist, `${name}.br`), packed);
    writeFileSync(join(dist, `${name}.gz`), gzipSync(bytes, { level: 9 }));
    console.log(`${name.padEnd(12)} ${String(bytes.length).padStart(8)} bytes, ${String(packed.length).padStart(7)} compressed`);
  }
  writeFileSync(join(dist, "names.txt"), listed(names));
  console.log(`in all ${total} bytes compressed`);
}

/** What differs, in words. Compressed forms may differ between versions of the compressor, so what they hold is compared. */
function differences({ files, names }) {
  const wanted = new Map([["names.txt", Buffer.from(listed(names))]]);
  for (const [name, bytes] of files) wanted.set(name, bytes).set(`${name}.br`, bytes).set(`${name}.gz`, bytes);
  const found = [];
  for (const [name, bytes] of wanted) {
    const path = join(dist, name);
    if (!existsSync(path)) { found.push(`${name} is missing`); continue; }
    const raw = readFileSync(path);
    const is = name.endsWith(".br") ? brotliDecompressSync(raw) : name.endsWith(".gz") ? gunzipSync(raw) : raw;
    if (!is.equals(bytes)) found.push(`${name} is not what the source makes`);
  }
  for (const name of existsSync(dist) ? readdirSync(dist) : []) if (!wanted.has(name)) found.push(`${name} does not belong there`);
  return found;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const made = await bundle();
  if (process.argv.includes("--check")) {
    const found = differences(made);
    for (const line of found) console.error(`console: ${line}`);
    if (found.length > 0) { console.error("console: run `npm ci && npm run build` in console/ and commit crates/api/src/console/dist"); process.exit(1); }
    console.log("console: the built files are current");
  } else write(made);
}
