#!/usr/bin/env python3
"""Measures how cost grows: with keys, value sizes, connections, nodes and pipeline depth. Writes to bench/runs/.

  bench/scale.py --simulated nodes.csv       only draws what `sim scale --csv nodes.csv` has written
  bench/scale.py [--quick] [--only keys,values,connections,nodes,depth] [--keys-min 10000] [--keys-max 50000000] [--name scale]

Needs cargo (or BENCH_BINARY). The load is `alianza bench`; closed loop, keys of 16 B chosen uniformly, one thread that shares the cores.
Processor time is that of all server processes per operation. What is plotted is explained in docs/scale.md.
"""
import argparse, csv, datetime, json, pathlib, shutil, sys, tempfile, time
import servers, svg
from servers import Alianza


def cluster(place, nodes, *more):
    class Some(Alianza):
        pass
    Some.nodes, Some.more = nodes, list(more)
    return Some(place / f"cluster-{time.monotonic_ns()}")


def disk(server):
    """Bytes that the first node has on disk."""
    data = server.directory / f"data-{server.ports[0]}"
    return sum(file.stat().st_blocks * 512 for file in data.rglob("*") if file.is_file())


def rows(dimension, x, server, options, keys, value, works=("get", "set"), connections=64, depth=1):
    for work in works:
        found = servers.load(server, "--keys", keys, "--mix", work, "--value", value, "--connections", connections,
                             "--pipeline", depth, "--seconds", options.seconds, "--patience", 60)
        row = {"dimension": dimension, "x": x, "work": work, "nodes": server.nodes, "perSecond": found["perSecond"], "cpuMicros": found["serverCpuMicros"],
               "p50": found["latency"]["p50"], "p99": found["latency"]["p99"], "p999": found["latency"]["p99.9"], "failed": found["failed"],
               "rssMiB": server.rss(), "diskBytes": disk(server), "toolMicros": found["toolProcessorPerOperation"] * 1e6}
        print(f"{dimension} {x}: {work}: {row['perSecond']:,.0f}/s, {row['cpuMicros']:.1f} µs, {row['rssMiB']:.0f} MiB", file=sys.stderr)
        yield row


def fill(server, keys, value, connections=64):
    servers.load(server, "--keys", keys, "--load", "--value", value, "--connections", connections, "--seconds", 0, "--mix", "get", "--patience", 60)


def by_keys(options, place):
    """One node, values of 100 B: from all in memory to much more than the cache."""
    for keys in [10_000, 100_000, 1_000_000, 10_000_000, 50_000_000]:
        if options.keys_min <= keys <= options.keys_max:
            server = cluster(place, 1)
            try:
                fill(server, keys, 100)
                yield from rows("keys", keys, server, options, keys, 100)
            finally:
                server.stop()


def by_value(options, place):
    """Three nodes; as many keys as make 64 MiB, at least 4."""
    server = cluster(place, 3)
    try:
        for size in [16, 100, 1 << 10, 16 << 10, 256 << 10, 1 << 20, 16 << 20][:4 if options.quick else 7]:
            keys = max(4, min(10_000, (64 << 20) // size))
            connections = 64 if size < 1 << 20 else 4
            fill(server, keys, size, connections)
            yield from rows("value bytes", size, server, options, keys, size, connections=connections)
    finally:
        server.stop()


def by_connections(options, place):
    """Three nodes that take many clients."""
    server = cluster(place, 3, "--connections-max", 12_000)
    try:
        fill(server, options.keys, 100)
        for count in [1, 4, 16, 64, 256, 1_000] + ([] if options.quick else [4_000, 10_000]):
            yield from rows("connections", count, server, options, options.keys, 100, connections=count)
    finally:
        server.stop()


def by_depth(options, place):
    """One node."""
    server = cluster(place, 1)
    try:
        fill(server, options.keys, 100)
        for depth in [1, 2, 4, 8, 16, 32, 64, 128]:
            yield from rows("depth", depth, server, options, options.keys, 100, depth=depth)
    finally:
        server.stop()


def by_nodes(options, place):
    """1 to 9 real processes, which share the cores; each join with the data of the smaller cluster in it."""
    server = cluster(place, 1)
    try:
        fill(server, options.keys, 100)
        for count in range(1, (4 if options.quick else 9) + 1):
            joining = None
            if count > 1:
                before, begun = server.cpu(), time.monotonic()
                server.add()
                server.nodes = count
                server.settle(3_600)
                joining = {"seconds": time.monotonic() - begun, "cpuSeconds": server.cpu() - before}
                server.addresses = [f"127.0.0.1:{port}" for port in server.redis]
            before, begun = server.cpu(), time.monotonic()
            time.sleep(2 if options.quick else 10)
            idle = (server.cpu() - before) / (time.monotonic() - begun) * 100 / count
            for row in rows("nodes", count, server, options, options.keys, 100):
                yield {**row, "idlePercentPerNode": idle, "joinSeconds": joining and joining["seconds"],
                       "joinCpuSeconds": joining and joining["cpuSeconds"]}
    finally:
        server.stop()


DIMENSIONS = {"keys": by_keys, "values": by_value, "connections": by_connections, "depth": by_depth, "nodes": by_nodes}


def write(found, options, about):
    out = servers.ROOT / "bench" / "runs" / f"{datetime.date.today().isoformat()}-{options.name}"
    out.mkdir(parents=True, exist_ok=True)
    fields = sorted({key for row in found for key in row}, key=lambda key: list(found[0]).index(key) if key in found[0] else 99)
    with open(out / "raw.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, fields)
        writer.writeheader()
        writer.writerows(found)
    (out / "settings.json").write_text(json.dumps(about, indent=1) + "\n")
    lines = [f"# How cost grows, {datetime.date.today().isoformat()}", "",
             f"Commit {about['commit']}; {about['machine']['cores']} cores, {about['machine']['model']}, Linux {about['machine']['kernel']}; load of the "
             f"machine before: {about['machine']['loadBefore']:.1f}. Command: `bench/scale.py {about['arguments']}`. One run of {options.seconds:g} s for each row.", ""]
    if options.quick:
        lines += ["**A quick run, to try the harness: its figures mean nothing.**", ""]
    for dimension in dict.fromkeys(row["dimension"] for row in found):
        these = [row for row in found if row["dimension"] == dimension]
        lines += [f"## {dimension.capitalize()}", "", f"| {dimension} | work | per second | CPU-µs | p50 ms | p99 ms | p99.9 ms | failed | resident MiB | on disk MiB |",
                  "|---|---|---|---|---|---|---|---|---|---|"]
        for row in these:
            lines.append(f"| {row['x']:,} | {row['work']} | {row['perSecond']:,.0f} | {row['cpuMicros']:.1f} | {row['p50'] * 1e3:.2f} | {row['p99'] * 1e3:.2f} | "
                         f"{row['p999'] * 1e3:.2f} | {row['failed']} | {row['rssMiB']:.0f} | {row['diskBytes'] / 2**20:.0f} |")
        lines.append("")
        if dimension == "nodes":
            lines += ["| nodes | idle, each | the last one joined in | with processor time of all |", "|---|---|---|---|"]
            for row in these:
                if row["work"] == "get":
                    join = f"{row['joinSeconds']:.1f} s | {row['joinCpuSeconds']:.1f} s" if row["joinSeconds"] else "– | –"
                    lines.append(f"| {row['x']} | {row['idlePercentPerNode']:.2f} % of a core | {join} |")
            lines.append("")
        name = dimension.split()[0]
        for key, title in [("cpuMicros", "server CPU-µs per operation"), ("perSecond", "operations per second")]:
            series = [(work, [(row["x"], row[key]) for row in these if row["work"] == work]) for work in ("get", "set")]
            (out / f"{name}-{key}.svg").write_text(svg.lines(f"{title[0].upper() + title[1:]}, by {dimension}", dimension, title, series))
        lines += [f"![]({name}-cpuMicros.svg) ![]({name}-perSecond.svg)", ""]
    (out / "summary.md").write_text("\n".join(lines))
    print("\n".join(lines))
    print(f"written to {out.relative_to(servers.ROOT)}", file=sys.stderr)


SIMULATED = {"idle": ("Idle, per node and second", "messages, bytes", [("messages", "idle_messages_per_node_second"), ("bytes", "idle_bytes_per_node_second")]),
             "time": ("Milliseconds of simulated time", "ms", [("event known to all", "all_know_ms"), ("join settled", "settled_ms")]),
             "bytes": ("Bytes sent by all nodes", "bytes", [("for an event", "spread_bytes"), ("for a join", "join_bytes")])}


def draw_simulated(path):
    """Plots beside the CSV file that `sim scale` has written."""
    with path.open() as file:
        found = list(csv.DictReader(file))
    for name, (title, up, wanted) in SIMULATED.items():
        series = [(label, [(int(row["nodes"]), float(row[column])) for row in found if row[column]]) for label, column in wanted]
        path.with_name(f"simulated-{name}.svg").write_text(svg.lines(f"{title}, by nodes", "nodes", up, series))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="to try the harness: a second per run, small sizes")
    parser.add_argument("--only", default=",".join(DIMENSIONS), help="dimensions")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--keys", type=int, help="where they are not what varies")
    parser.add_argument("--keys-min", type=int, default=0)
    parser.add_argument("--keys-max", type=int)
    parser.add_argument("--name", default="scale", help="of the directory under bench/runs")
    parser.add_argument("--simulated", type=pathlib.Path, metavar="CSV", help="only draw this")
    options = parser.parse_args()
    if options.simulated:
        return draw_simulated(options.simulated)
    for name, value in zip(("seconds", "keys", "keys_max"), (1.0, 2_000, 10_000) if options.quick else (10.0, 100_000, 10_000_000)):
        if getattr(options, name) is None:
            setattr(options, name, value)
    servers.build()
    about = {"commit": servers.commit(), "machine": servers.machine(), "arguments": " ".join(sys.argv[1:]), "version": Alianza.version()}
    place = pathlib.Path(tempfile.mkdtemp(prefix="scale-"))
    found = []
    try:
        for name in options.only.split(","):
            for row in DIMENSIONS[name](options, place):
                found.append(row)
    finally:
        if found:
            write(found, options, about)
        shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    main()
