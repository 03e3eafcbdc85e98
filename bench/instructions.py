#!/usr/bin/env python3
"""Counts the instructions of the hot paths with callgrind and compares them with those in bench/instructions.json.

  bench/instructions.py            compares and reports; fails if something takes more than 25 % more
  bench/instructions.py --update   writes what it counts: do that with a change that is meant to cost or save something

Needs valgrind (apt-get install valgrind). Each piece of work (crates/measure) runs twice, with few and with many rounds; the
difference is what the rounds alone take. Nothing in it depends on time, threads or chance, so the counts are the same on every run;
another compiler or another processor's memcpy changes them by a few percent.
"""
import concurrent.futures, json, os, pathlib, re, shutil, subprocess, sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
KEPT = ROOT / "bench" / "instructions.json"
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
FEW, MANY = 20, 120
MORE_MAX = 0.25


def count(binary, name, rounds):
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", str(binary), name, str(rounds)]
    done = subprocess.run(command, capture_output=True, text=True, env={"PATH": os.environ["PATH"], "LC_ALL": "C"})
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not found:
        sys.exit(f"instructions: {name} could not be counted:\n{done.stderr}")
    return int(found[1])


def main():
    if not shutil.which("valgrind"):
        print("instructions: SKIPPED, valgrind is missing: apt-get install valgrind", file=sys.stderr)
        return
    subprocess.run(["cargo", "build", "--release", "--locked", "-p", "measure"], cwd=ROOT, check=True)
    binary = TARGET / "release" / "measure"
    names = subprocess.run([binary], capture_output=True, text=True, check=True).stdout.split()
    one = lambda name: (count(binary, name, MANY) - count(binary, name, FEW)) / (MANY - FEW)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = dict(zip(names, (round(each) for each in pool.map(one, names))))
    if "--update" in sys.argv[1:]:
        KEPT.write_text(json.dumps(found, indent=1) + "\n")
        print(f"instructions: {len(found)} counts written to {KEPT.relative_to(ROOT)}")
        return
    kept = json.loads(KEPT.read_text())
    worse = []
    print(f"{'hot path':32}{'kept':>10}{'now':>10}{'change':>9}")
    for name in sorted({*kept, *found}):
        before, now = kept.get(name), found.get(name)
        change = now / before - 1 if before and now else None
        told = "gone" if now is None else "new" if before is None else f"{change:+.1%}"
        print(f"{name:32}{before or '-':>10}{now or '-':>10}{told:>9}")
        if change is None or change > MORE_MAX:
            worse.append(name)
    if worse:
        sys.exit(f"instructions: {', '.join(worse)}: more than {MORE_MAX:.0%} more than what is kept, or not kept. If that is meant, run "
                 "bench/instructions.py --update and say why in the commit")


if __name__ == "__main__":
    main()
