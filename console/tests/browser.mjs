// Chromium without a window, and which files it gets.

import { join } from "node:path";
import { chromium } from "playwright-core";

export const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });

/** With DIST, the console comes from that folder instead of the binary: for working on it without building that anew. */
export async function fromFolder(page, folder = process.env.DIST) {
  if (!folder) return;
  const types = { html: "text/html; charset=utf-8", js: "text/javascript; charset=utf-8", css: "text/css; charset=utf-8", svg: "image/svg+xml" };
  await page.route(/\/console(\/[^/]+\.\w+)?$/, (route) => {
    const name = new URL(route.request().url()).pathname.replace(/^\/console\/?/, "").replace(/-[0-9a-f]{12}(?=\.)/, "") || "index.html";
    return route.fulfill({ path: join(folder, name), contentType: types[name.split(".").pop()] });
  });
}
