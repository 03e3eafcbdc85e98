#!/usr/bin/env python3
"""Measures a three-node ring of real processes and writes a dated result to bench/runs/.

  bench/ring.py            needs: cargo, python3, wrk (apt-get install wrk)

What: start-up of `alianza dev`, idle cost, puts and gets through `POST /` (N = 3, W = 2, fsync on, 64 connections,
100 B values) with the server's CPU time per operation, and the time until 100,000 keys have moved to a joining node.
"""
import datetime, http.client, json, os, pathlib, platform, re, shutil, signal, socket, statistics, subprocess, sys
import tempfile, threading, time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
BINARY = pathlib.Path(os.environ.get("BENCH_BINARY", TARGET / "release" / "alianza"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "10"))
REPEATS = int(os.environ.get("BENCH_REPEATS", "3"))
CONNECTIONS = 64
TICK = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def call(port, method, path, body=None, timeout=30):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, body)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def wait_until(what, question, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if question():
                return
        except OSError:
            pass
        time.sleep(0.01)
    sys.exit(f"bench: waited {seconds} s in vain: {what}")


class Node:
    def __init__(self, directory, *arguments):
        self.port = free_port()
        self.log = open(directory / f"{self.port}.log", "w")
        command = [BINARY, "start", "--port", str(self.port), "--data-dir", directory / f"node-{self.port}", *arguments]
        self.process = subprocess.Popen([str(c) for c in command], stdout=subprocess.DEVNULL, stderr=self.log)
        wait_until("the node is ready", lambda: call(self.port, "GET", "/readyz")[0] == 200)

    def uri(self):
        return f"http://127.0.0.1:{self.port}"

    def status(self):
        return json.loads(call(self.port, "GET", "/v1/cluster")[1])

    def settled(self, members):
        status = self.status()
        return status["epoch"] == status["stable"] and len(status["members"]) == members

    def cpu(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def rss(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)


def ring(directory, count, *arguments):
    nodes = [Node(directory, *arguments)]
    for _ in range(count - 1):
        nodes.append(Node(directory, "--seeds", nodes[0].uri(), *arguments))
    for node in nodes:
        wait_until("the ring settles", lambda: node.settled(count))
    return nodes


WRK = """
local value = string.rep("x", 100)
local counter = 0
local thread_number = 0
function setup(thread) thread:set("id", thread_number) thread_number = thread_number + 1 end
function init(args) math.randomseed(id + os.time()) end
function request()
  counter = counter + 1
  local body
  if KIND == "put" then
    body = '{"type":"PUT","key":"' .. string.format("%016d", math.random(0, 99999)) .. '","value":"' .. value .. '"}'
  else
    body = '{"type":"GET","key":"' .. string.format("%016d", math.random(0, 99999)) .. '"}'
  end
  return wrk.format("POST", "/", nil, body)
end
local bad = 0
function response(status) if status ~= 200 and status ~= 404 then bad = bad + 1 end end
"""


def load(nodes, kind, seconds):
    """wrk against all nodes at once; operations, seconds, CPU of the nodes, latencies."""
    script = pathlib.Path(tempfile.mkstemp(suffix=".lua")[1])
    script.write_text(WRK.replace("KIND", f'"{kind}"'))
    share = CONNECTIONS // len(nodes)
    extra = CONNECTIONS - share * len(nodes)
    before = sum(node.cpu() for node in nodes)
    runs = [
        subprocess.Popen(
            ["wrk", "-t1", f"-c{share + (1 if i < extra else 0)}", f"-d{seconds}s", "--latency", "-s", str(script), node.uri()],
            stdout=subprocess.PIPE, text=True)
        for i, node in enumerate(nodes)
    ]
    outputs = [run.communicate()[0] for run in runs]
    cpu = sum(node.cpu() for node in nodes) - before
    script.unlink()
    operations = sum(int(re.search(r"(\d+) requests in", output)[1]) for output in outputs)
    bad = sum(int(m[1]) for output in outputs for m in [re.search(r"Non-2xx or 3xx responses: (\d+)", output)] if m)
    def percentile(p):
        found = [re.search(rf"\s{p}%\s+([\d.]+)(us|ms|s)", output) for output in outputs]
        scale = {"us": 0.001, "ms": 1, "s": 1000}
        return max(float(m[1]) * scale[m[2]] for m in found)
    return {"kind": kind, "per_second": operations / seconds, "cpu_us": cpu / operations * 1e6, "bad": bad,
            "p50_ms": percentile(50), "p99_ms": percentile(99)}


def fill(nodes, count):
    """Puts `count` distinct keys with keep-alive connections from a few threads."""
    def worker(number, workers):
        connection = http.client.HTTPConnection("127.0.0.1", nodes[number % len(nodes)].port, timeout=30)
        for i in range(number, count, workers):
            connection.request("POST", "/", json.dumps({"type": "PUT", "key": f"{i:016d}", "value": "x" * 100}))
            response = connection.getresponse()
            response.read()
            assert response.status == 200, response.status
    threads = [threading.Thread(target=worker, args=(i, 16)) for i in range(16)]
    [t.start() for t in threads]
    [t.join() for t in threads]


def dev_start():
    directory = pathlib.Path(tempfile.mkdtemp())
    port = free_port()
    started = time.monotonic()
    dev = subprocess.Popen([str(BINARY), "dev", "--port", str(port), "--data-dir", str(directory)],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    def put():
        body = json.dumps({"type": "PUT", "key": "a", "value": "b"})
        return call(port, "POST", "/", body, 2)[0] == 200
    def complete():
        status = json.loads(call(port, "GET", "/v1/cluster")[1])
        return status["epoch"] == status["stable"] and len(status["members"]) == 3
    wait_until("the first put", put)
    first = time.monotonic() - started
    wait_until("all three nodes", complete)
    assert put()
    took = first, time.monotonic() - started
    dev.send_signal(signal.SIGINT)
    dev.wait(20)
    shutil.rmtree(directory)
    return took


def main():
    subprocess.run(["cargo", "build", "--release", "--locked", "-p", "alianza"], cwd=ROOT, check=True)
    if not shutil.which("wrk"):
        sys.exit("bench: wrk is missing; on Debian: apt-get install wrk")
    directory = pathlib.Path(tempfile.mkdtemp(dir=os.environ.get("BENCH_DIR")))
    starts = [dev_start() for _ in range(REPEATS)]
    result = {"first_put_s": statistics.median(start[0] for start in starts),
              "complete_s": statistics.median(start[1] for start in starts)}

    nodes = ring(directory, 3)
    before = [node.cpu() for node in nodes]
    time.sleep(10)
    result["idle_cpu_percent"] = sum(node.cpu() for node in nodes) - sum(before)
    result["idle_cpu_percent"] *= 10
    result["idle_rss_mib"] = max(node.rss() for node in nodes)

    fill(nodes, 100_000)
    rows = []
    for _ in range(REPEATS):
        for kind in ("put", "get"):
            rows.append(load(nodes, kind, SECONDS))
    for node in nodes:
        node.stop()

    nodes = ring(directory, 3)
    fill(nodes, 100_000)
    started = time.monotonic()
    nodes.append(Node(directory, "--seeds", nodes[0].uri()))
    wait_until("the keys have moved", lambda: all(node.settled(4) for node in nodes), 600)
    result["moved_100k_s"] = time.monotonic() - started
    result["rss_after_mib"] = max(node.rss() for node in nodes)
    for node in nodes:
        node.stop()
    shutil.rmtree(directory)
    write(result, rows)


def write(result, rows):
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    date = datetime.date.today().isoformat()
    out = ROOT / "bench" / "runs" / f"{date}-ring"
    out.mkdir(parents=True, exist_ok=True)
    keys = ["kind", "per_second", "cpu_us", "p50_ms", "p99_ms", "bad"]
    (out / "raw.csv").write_text("\n".join([",".join(keys)] + [",".join(str(row[k]) for k in keys) for row in rows]) + "\n")
    median = lambda kind, key: statistics.median(row[key] for row in rows if row["kind"] == kind)
    lines = [
        f"# Three-node ring, {date}", "",
        f"Commit {commit}, {os.cpu_count()} cores, {platform.system()} {platform.release()}. Command: `bench/ring.py`.",
        f"N = 3, W = 2, fsync before the answer, {CONNECTIONS} connections, 100 B values, 100,000 keys;",
        f"medians of {REPEATS} runs of {SECONDS} s. The load generator (wrk) shares the cores.", "",
        "| what | figure |", "|---|---|",
        f"| `alianza dev` to the first put, with the first node | {result['first_put_s']:.2f} s |",
        f"| `alianza dev` to a put with all three nodes in and settled | {result['complete_s']:.2f} s |",
        f"| idle cluster, CPU of all three | {result['idle_cpu_percent']:.2f} % of a core |",
        f"| idle node, resident memory, the largest | {result['idle_rss_mib']:.1f} MiB |",
        f"| 100,000 keys: a fourth node joins and everything has moved | {result['moved_100k_s']:.1f} s |",
        f"| resident memory after that, the largest | {result['rss_after_mib']:.1f} MiB |", "",
        "| operation | per second | server CPU-µs per operation | p50 | p99 | refused |", "|---|---|---|---|---|---|",
    ]
    for kind in ("put", "get"):
        lines.append(f"| {kind} | {median(kind, 'per_second'):,.0f} | {median(kind, 'cpu_us'):.0f} | "
                     f"{median(kind, 'p50_ms'):.2f} ms | {median(kind, 'p99_ms'):.2f} ms | {median(kind, 'bad'):.0f} |")
    (out / "summary.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
