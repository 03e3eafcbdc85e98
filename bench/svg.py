"""Plots as SVG, written by hand: groups of horizontal bars, and lines over a logarithmic axis. Needs nothing but Python."""
import math
from xml.sax.saxutils import escape

COLOURS = ["#2364aa", "#c8553d", "#588157", "#8e6c8a", "#d4a017", "#555b6e", "#3d9cb0", "#a44a3f", "#7a9e7e"]
FONT = 'font-family="sans-serif" font-size="12"'


def text(x, y, what, anchor="start", size=12, weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-family="sans-serif" font-size="{size}" text-anchor="{anchor}" '
            f'font-weight="{weight}" fill="#222">{escape(str(what))}</text>')


def page(width, height, parts):
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
    return "\n".join([head, f'<rect width="{width}" height="{height}" fill="white"/>', *parts, "</svg>", ""])


def number(value):
    if value >= 100_000:
        return f"{value / 1000:,.0f}k"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def bars(title, panels, groups):
    """`groups` is [(name, [(label, [value per panel])])]; each panel is scaled within a group, as rows differ by much."""
    names = sorted({label for _, entries in groups for label, _ in entries})
    colour = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}
    left, wide, gap, y = 170, 290, 90, 60
    parts = [text(20, 28, title, size=16, weight="bold")]
    for p, panel in enumerate(panels):
        parts.append(text(left + p * (wide + gap), 50, panel, weight="bold"))
    for name, entries in groups:
        y += 22
        parts.append(text(20, y, name, weight="bold"))
        y += 6
        for label, values in entries:
            y += 4
            parts.append(text(left - 8, y + 11, label, "end"))
            for p, value in enumerate(values):
                x = left + p * (wide + gap)
                most = max(v[p] or 0 for _, v in entries) or 1
                if value is not None:
                    length = wide * value / most
                    parts.append(f'<rect x="{x}" y="{y}" width="{length:.1f}" height="14" fill="{colour[label]}"/>')
                    parts.append(text(x + length + 5, y + 11, number(value), size=11))
            y += 14
    return page(left + len(panels) * (wide + gap) + 20, y + 24, parts)


def lines(title, across, up, series):
    """`series` is [(name, [(x, y)])]; both axes are logarithmic."""
    width, height, left, bottom, top, right = 760, 420, 80, 60, 50, 170
    points = [point for _, line in series for point in line if point[0] > 0 and point[1] > 0]
    if not points:
        return page(width, height, [text(20, 28, title, size=16), text(20, 60, "nothing was measured")])
    def span(values):
        low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
        return low, max(high, low + 1)
    (x0, x1), (y0, y1) = span([p[0] for p in points]), span([p[1] for p in points])
    px = lambda v: left + (math.log10(v) - x0) / (x1 - x0) * (width - left - right)
    py = lambda v: height - bottom - (math.log10(v) - y0) / (y1 - y0) * (height - bottom - top)
    parts = [text(20, 28, title, size=16, weight="bold"), text((left + width - right) / 2, height - 16, across, "middle"),
             text(8, top - 8, up)]
    for e in range(x0, x1 + 1):
        x = px(10 ** e)
        parts.append(f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{height - bottom}" stroke="#ddd"/>')
        parts.append(text(x, height - bottom + 18, number(10 ** e), "middle", 11))
    for e in range(y0, y1 + 1):
        y = py(10 ** e)
        parts.append(f'<line x1="{left}" y1="{y:.1f}" x2="{width - right}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(text(left - 6, y + 4, number(10 ** e), "end", 11))
    for i, (name, line) in enumerate(series):
        colour, line = COLOURS[i % len(COLOURS)], [p for p in line if p[0] > 0 and p[1] > 0]
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="' +
                     " ".join(f"{px(x):.1f},{py(y):.1f}" for x, y in line) + '"/>')
        parts += [f'<circle cx="{px(x):.1f}" cy="{py(y):.1f}" r="3" fill="{colour}"/>' for x, y in line]
        parts.append(f'<rect x="{width - right + 14}" y="{top + 20 * i}" width="12" height="12" fill="{colour}"/>')
        parts.append(text(width - right + 32, top + 10 + 20 * i, name))
    return page(width, height, parts)
