// A server for working on the console: builds it anew for each load of the page and hands everything else to a node.
//   node dev.mjs [port] [node]      for instance: node dev.mjs 5173 http://127.0.0.1:8080

import { createServer, request } from "node:http";
import { bundle } from "./build.mjs";

const port = Number(process.argv[2] ?? 5173);
const node = new URL(process.argv[3] ?? "http://127.0.0.1:8080");
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const types = { html: "text/html; charset=utf-8", js: "text/javascript; charset=utf-8", css: "text/css; charset=utf-8", svg: "image/svg+xml" };
let made;

async function own(path) {
  if (path === "/console" || path === "/") made = await bundle({ minify: false });
  made ??= await bundle({ minify: false });
  const name = path === "/console" || path === "/" ? "index.html" : [...made.names].find(([, full]) => path === `/console/${full}`)?.[0];
  return name && [name, made.files.get(name)];
}

createServer(async (incoming, answer) => {
  const path = new URL(incoming.url, node).pathname;
  if (incoming.method === "GET") {
    try {
      const file = await own(path);
      if (file) return answer.writeHead(200, { "content-type": types[file[0].split(".").pop()], "content-security-policy": policy }).end(file[1]);
    } catch (error) {
      return answer.writeHead(500, { "content-type": "text/plain" }).end(String(error));
    }
  }
  const { origin, host, "sec-fetch-site": site, ...headers } = incoming.headers;
  const onward = request(new URL(incoming.url, node), { method: incoming.method, headers }, (reply) => {
    answer.writeHead(reply.statusCode, reply.headers);
    reply.pipe(answer);
  });
  onward.on("error", () => answer.destroy());
  incoming.pipe(onward);
}).listen(port, "127.0.0.1", () => console.log(`http://127.0.0.1:${port}/console, over ${node.href}`));
