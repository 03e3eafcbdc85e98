#!/usr/bin/env python3
"""Measures how a node catches up, with three nodes of real processes, and writes a dated result to bench/runs/.

  bench/repair.py [KEYS]    needs: cargo, python3; KEYS is 1,000,000 if not given

What: a node is killed, some keys are written, the node starts again; the time until it has everything, and the bytes that
went over loopback meanwhile, less those of a cluster at rest. Twice: 100 keys differ and no hint was kept for them but
one (anti-entropy has to find them), and 10,000 keys with hints.
"""
import datetime, json, os, pathlib, platform, shutil, signal, subprocess, sys, tempfile, threading, time
import http.client
import ring
from ring import BINARY, ROOT, call, wait_until

LOOPBACK = pathlib.Path("/sys/class/net/lo/statistics/tx_bytes")


def sent():
    return int(LOOPBACK.read_text())


def import_keys(node, count):
    """Puts `count` keys of 16 bytes with values of 100 bytes by pages of /v1/import."""
    page, workers = 500, 8
    starts = iter(range(0, count, page))
    lock, failed = threading.Lock(), []

    def worker():
        connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=120)
        while True:
            with lock:
                start = next(starts, None)
            if start is None or failed:
                return
            lines = "".join('{"key":"%016d","value":"%s"}\n' % (i, "x" * 100) for i in range(start, min(start + page, count)))
            connection.request("POST", "/v1/import", lines)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200 or json.loads(text)["errors"]:
                failed.append(text[:300])

    threads = [threading.Thread(target=worker) for _ in range(workers)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    if failed:
        sys.exit(f"bench: the keys could not be loaded: {failed[0]}")


def put(node, keys):
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=30)
    for i in keys:
        connection.request("POST", "/", json.dumps({"type": "PUT", "key": "%016d" % i, "value": "y" * 100}))
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            sys.exit(f"bench: a put was answered with {answer.status}")


def is_identical(node, since_ms):
    """Everything the node holds was found identical on all replicas after that moment."""
    answer = json.loads(call(node.port, "GET", "/v1/repair")[1])
    whole = answer["identical"] == answer["trees"] and not answer["damaged"]
    return whole and (answer["identicalSince"] or 0) >= since_ms


def again(node, directory, *arguments):
    """The same node, started once more."""
    command = [BINARY, "start", "--port", str(node.port), "--data-dir", directory / f"node-{node.port}", *arguments]
    node.process = subprocess.Popen([str(c) for c in command], stdout=subprocess.DEVNULL, stderr=node.log)
    wait_until("the node is ready", lambda: call(node.port, "GET", "/readyz")[0] == 200)


def compare(nodes, since_ms):
    """Has everything compared now, and waits until it is identical."""
    for node in nodes:
        call(node.port, "POST", "/v1/repair")
    wait_until("all replicas are identical", lambda: all(is_identical(node, since_ms) for node in nodes), 1200)


def outage(nodes, directory, keys, hints, arguments):
    """The third node misses writes of these keys; seconds and bytes until it has them."""
    gone = nodes[2]
    gone.process.kill()
    gone.process.wait()
    wait_until("the others see it", lambda: any(m["condition"] == "down" for m in nodes[0].status()["members"]))
    put(nodes[0], keys)
    again(gone, directory, *arguments)
    started, since_ms, before = time.monotonic(), int(time.time() * 1000), sent()
    if not hints:
        compare(nodes, since_ms)
    wait_until("no hint is left", lambda: all(not node.status()["hints"] for node in nodes), 1200)
    took = time.monotonic() - started, sent() - before
    compare(nodes, int(time.time() * 1000))
    return took


def measure(count, keys, hints, *arguments):
    directory = pathlib.Path(tempfile.mkdtemp(prefix="alianza-bench-"))
    nodes = ring.ring(directory, 3, *arguments)
    try:
        begun = time.monotonic()
        import_keys(nodes[0], count)
        loaded = time.monotonic() - begun
        compare(nodes, int(time.time() * 1000))
        before = sent()
        time.sleep(10)
        rest = (sent() - before) / 10
        seconds, sent_bytes = outage(nodes, directory, keys, hints, ["--seeds", nodes[0].uri(), *arguments])
        return {"loaded_per_second": count / loaded, "seconds": seconds, "bytes": max(0, sent_bytes - rest * seconds), "rest": rest}
    finally:
        for node in nodes:
            node.process.kill()
            node.process.wait()
        shutil.rmtree(directory)


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    if "BENCH_BINARY" not in os.environ:
        subprocess.run(["cargo", "build", "--release", "--locked", "-p", "alianza"], cwd=ROOT, check=True)
    step = max(1, count // 100)
    differing = measure(count, range(0, count, step), False, "--hints-max", "1")
    print(differing, flush=True)
    hinted = measure(count // 10, range(0, min(10_000, count // 10)), True)
    print(hinted, flush=True)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    date = datetime.date.today().isoformat()
    out = ROOT / "bench" / "runs" / f"{date}-repair"
    out.mkdir(parents=True, exist_ok=True)
    (out / "raw.json").write_text(json.dumps({"keys": count, "differing": differing, "hinted": hinted}, indent=1) + "\n")
    lines = [
        f"# Catching up, {date}", "",
        f"Commit {commit}, {os.cpu_count()} cores, {platform.system()} {platform.release()}. Command: `bench/repair.py {count}`. One run.",
        "N = 3; keys of 16 B, values of 100 B. Bytes are those on loopback less what a cluster at rest sends.", "",
        "| what | figure |", "|---|---|",
        f"| {count:,} keys, {len(range(0, count, step))} of them differ, no hints but one; `repair run` until identical | {differing['seconds']:.1f} s |",
        f"| bytes exchanged meanwhile | {differing['bytes'] / 1024:,.0f} KiB |",
        f"| {count // 10:,} keys, a node down for {min(10_000, count // 10):,} writes, hints; until no hint is left | {hinted['seconds']:.1f} s |",
        f"| a cluster at rest with {count:,} keys sends | {differing['rest'] / 1024:,.1f} KiB/s |",
        f"| loading by `/v1/import` | {differing['loaded_per_second']:,.0f} keys/s |",
    ]
    (out / "summary.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
