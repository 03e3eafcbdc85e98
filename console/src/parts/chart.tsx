// A line chart over the last minutes: axes with round numbers, a legend with the newest values, and the values under
// the pointer or, with the arrow keys, at a place in time.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { clock, t } from "../i18n";
import { Dot } from "./icons";
import { ticks } from "./ticks";

export interface Line {
  name: string;
  colour: string;
  values: (number | undefined)[];
}

const HEIGHT = 168;
const [LEFT, RIGHT, TOP, BOTTOM] = [52, 8, 10, 22];
/** What the chart spans, in ms; samples older than that are not shown. */
const SPAN = 5 * 60_000;

export function Chart({ title, lines, times, show, floor, empty }: { title: string; lines: Line[]; times: number[]; show: (value: number) => string; floor: number; empty: string }) {
  const box = useRef<HTMLDivElement>(null);
  const width = useSignal(520);
  const at = useSignal<number | undefined>(undefined);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => entry && (width.value = Math.max(200, Math.round(entry.contentRect.width))));
    if (box.current) observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  const end = times.at(-1) ?? Date.now();
  const highest = Math.max(floor, ...lines.flatMap((line) => line.values.map((value) => value ?? 0)));
  const steps = ticks(highest);
  const top = steps.at(-1)!;
  const x = (time: number) => LEFT + (width.value - LEFT - RIGHT) * (1 - (end - time) / SPAN);
  const y = (value: number) => HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value / top);
  const place = at.value === undefined ? undefined : Math.min(at.value, times.length - 1);
  const shown = place ?? times.length - 1;
  const nearest = (event: PointerEvent) => {
    const offset = event.clientX - box.current!.getBoundingClientRect().left;
    let best = 0;
    times.forEach((time, index) => Math.abs(x(time) - offset) < Math.abs(x(times[best]!) - offset) && (best = index));
    at.value = times.length > 0 ? best : undefined;
  };
  const walk = (event: KeyboardEvent) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Escape") at.value = undefined;
    if (!by || times.length === 0) return;
    event.preventDefault();
    at.value = Math.max(0, Math.min(times.length - 1, shown + by));
  };
  const words = lines.map((line) => `${line.name} ${said(line.values[shown], show)}`).join(", ");
  return (
    <figure class="chart">
      <figcaption>
        <h3>{title}</h3>
        <ul class="legend">
          {lines.map((line) => (
            <li key={line.name}>
              <Dot fill={line.colour} />
              {line.name} <b>{said(line.values[shown], show)}</b>
            </li>
          ))}
        </ul>
      </figcaption>
      <div ref={box} class="chart-box" role="img" aria-label={`${title}: ${times.length === 0 ? empty : words}`} tabIndex={0} onPointerMove={nearest} onPointerLeave={() => (at.value = undefined)} onKeyDown={walk} onBlur={() => (at.value = undefined)}>
        <svg width={width.value} height={HEIGHT} aria-hidden="true" focusable="false">
          {steps.map((value) => (
            <g key={value}>
              <line class="grid" x1={LEFT} x2={width.value - RIGHT} y1={y(value)} y2={y(value)} />
              <text class="axis" x={LEFT - 8} y={y(value) + 3.5} text-anchor="end">{show(value)}</text>
            </g>
          ))}
          {(width.value < 440 ? [4, 2, 0] : [5, 4, 3, 2, 1, 0]).map((minutes) => (
            <text key={minutes} class="axis" x={x(end - minutes * 60_000)} y={HEIGHT - 6} text-anchor={minutes === 0 ? "end" : minutes === 5 ? "start" : "middle"}>
              {minutes === 0 ? t("now") : `−${minutes} min`}
            </text>
          ))}
          {lines.map((line) => (
            <path key={line.name} class="line" d={path(line.values, times, x, y, LEFT)} stroke={line.colour} />
          ))}
          {place !== undefined && times[place] !== undefined && (
            <g>
              <line class="cross" x1={x(times[place]!)} x2={x(times[place]!)} y1={TOP} y2={HEIGHT - BOTTOM} />
              {lines.map((line) => line.values[place] !== undefined && <circle key={line.name} cx={x(times[place]!)} cy={y(line.values[place]!)} r="3" fill={line.colour} />)}
              <text class="axis" x={Math.min(Math.max(x(times[place]!), LEFT + 26), width.value - RIGHT - 26)} y={TOP - 1} text-anchor="middle">{clock(times[place]!)}</text>
            </g>
          )}
        </svg>
        {times.length === 0 && <p class="chart-empty">{empty}</p>}
      </div>
    </figure>
  );
}

const said = (value: number | undefined, show: (value: number) => string) => (value === undefined ? "–" : show(value));

/** A path with a break at each missing value; a value alone is a short stroke. */
function path(values: (number | undefined)[], times: number[], x: (time: number) => number, y: (value: number) => number, left: number): string {
  let d = "";
  let pen = false;
  values.forEach((value, index) => {
    const across = x(times[index]!);
    if (value === undefined || across < left) return void (pen = false);
    d += `${pen ? "L" : "M"}${across.toFixed(1)} ${y(value).toFixed(1)}${pen ? "" : "h.1"}`;
    pen = true;
  });
  return d;
}
