#!/usr/bin/env python3
"""Draws what `perf script` prints as a flame graph: bench/flame.py TITLE < stacks > flame.svg

  perf record -F 300 --call-graph dwarf,8192 -p PID -- sleep 5 && perf script | bench/flame.py "GET" > flame.svg

Wide is what took long; below stands who called it. What is under a 250th of the whole is left out, so that the picture stays small."""
import html, re, sys

WIDTH, ROW, LEAST = 1200, 16, 1 / 250


def stacks(lines):
    """Each sample's functions, outermost first."""
    frames = []
    for line in lines:
        found = re.match(r"\s+[0-9a-f]+ (.*?)(?:\+0x[0-9a-f]+)? \(.*\)$", line)
        if found:
            frames.append(short(found[1]))
        elif not line.strip() and frames:
            yield [*reversed(frames)]
            frames = []
    if frames:
        yield [*reversed(frames)]


def short(name):
    """Without what the compiler knows of types and their crates."""
    name = re.sub(r"::h[0-9a-f]{16}$", "", name)
    while "<" in name.strip("<>") and re.search(r"<[^<>]*>", name):
        name = re.sub(r"<([^<>]*)>", lambda part: part[1].split(" as ")[0] if part.start() == 0 else "", name)
    return "::".join(name.split("::")[-3:])


def tree(samples):
    root = [0, {}]
    for sample in samples:
        at = root
        at[0] += 1
        for name in sample:
            at = at[1].setdefault(name, [0, {}])
            at[0] += 1
    return root


def draw(node, name, x, depth, whole, out):
    width = node[0] / whole * WIDTH
    shown = html.escape(name[: int(width / 6.5)]) if width > 20 else ""
    hue = 40 - sum(map(ord, name)) % 40
    out.append((depth, f'<g><title>{html.escape(name)}: {node[0] / whole:.1%}</title><rect x="{x:.1f}" y="@" width="{width:.1f}" height="{ROW - 1}" '
                       f'fill="hsl({hue},80%,68%)"/><text x="{x + 2:.1f}" y="@@">{shown}</text></g>'))
    for child, below in sorted(node[1].items()):
        if below[0] / whole >= LEAST:
            draw(below, child, x, depth + 1, whole, out)
        x += below[0] / whole * WIDTH


def main():
    root, out = tree(stacks(sys.stdin)), []
    draw(root, f"{sys.argv[1]}, {root[0]} samples", 0, 0, max(1, root[0]), out)
    deepest = max(depth for depth, _ in out)
    y = lambda depth: (deepest - depth) * ROW
    parts = [part.replace("@@", str(y(depth) + 12)).replace("@", str(y(depth))) for depth, part in out]
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {(deepest + 1) * ROW}" font-family="monospace" font-size="11">')
    print("\n".join(parts) + "\n</svg>")


if __name__ == "__main__":
    main()
