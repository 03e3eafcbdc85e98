// The ring as a picture: partition 0 begins at the top, and the ring goes clockwise. One path per member, however many
// tokens it has; outside it a band of what is in motion, inside it what the chosen member holds copies of.

import { useId, useMemo, useRef } from "preact/hooks";
import { list, number, t } from "../i18n";
import { isAway } from "../node/live";
import { APART_MAX, colour } from "../ring/colours";
import type { Ring, Run } from "../ring/ring";
import { runsOf } from "../ring/ring";

const [OUTER, INNER] = [94, 74];
const [MOTION, MOTION_WIDTH] = [98.5, 4];
const [COPIES, COPIES_WIDTH] = [70, 3.4];
/** With more arcs than this, lines between them would cover them. */
const LINES_MAX = 400;

export interface KeyMark {
  partition: number;
  label: string;
  nodeId: string;
}

export interface RingPictureProps {
  ring: Ring;
  n: number;
  conditions: Map<string, string>;
  /** The member that stands out. */
  lit?: string;
  /** The partition that is pointed at. */
  partition?: number;
  onPartition?: (partition: number | undefined) => void;
  onPick?: (partition: number) => void;
  /** What comes to whom, by places in `ring`. */
  moving?: Run[];
  keys?: KeyMark[];
  small?: boolean;
}

export function RingPicture({ ring, n, conditions, lit, partition, onPartition, onPick, moving = [], keys = [], small }: RingPictureProps) {
  const svg = useRef<SVGSVGElement>(null);
  const hatch = useId().replace(/[^\w]/g, "");
  const runs = useMemo(() => ring.runs(), [ring]);
  const owned = useMemo(() => arcsOf(runs, ring, OUTER, INNER), [ring]);
  const copies = useMemo(() => (lit ? copiesOf(ring, n, lit) : ""), [ring, n, lit]);
  const motion = useMemo(() => strokesOf(moving, ring), [moving, ring]);
  const chosen = partition === undefined ? [] : ring.replicas(partition, n);
  const interactive = onPartition !== undefined;

  const under = (event: PointerEvent): number | undefined => {
    const box = svg.current!.getBoundingClientRect();
    const [dx, dy] = [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2];
    const away = (Math.hypot(dx, dy) / box.width) * 220;
    if (away < INNER - 8 || away > MOTION + 8) return undefined;
    const turn = (Math.atan2(dx, -dy) / (2 * Math.PI) + 1) % 1;
    return Math.min(ring.partitions - 1, Math.floor(turn * ring.partitions));
  };
  const step = (event: KeyboardEvent) => {
    const to = moved(event.key, partition ?? -1, runs, ring.partitions);
    if (to === undefined) return;
    event.preventDefault();
    onPick?.(to);
  };
  const words = inWords(ring, n);
  const slider = interactive && {
    role: "slider" as const,
    tabindex: 0,
    "aria-label": `${t("ringSlider")} ${words}`,
    "aria-valuemin": 0,
    "aria-valuemax": ring.partitions - 1,
    "aria-valuenow": partition ?? 0,
    "aria-valuetext": partition === undefined ? t("ringNothing") : t("partitionWords", { p: partition, names: list(chosen.map((place) => ring.members[place]!.name)) }),
    onKeyDown: step,
    onPointerMove: (event: PointerEvent) => onPartition(under(event)),
    onPointerLeave: () => onPartition(undefined),
    onClick: (event: MouseEvent) => {
      const at = under(event as PointerEvent);
      if (at !== undefined) onPick?.(at);
    },
  };
  return (
    <svg ref={svg} class={`ring ${small ? "small" : ""} ${lit || chosen.length > 0 ? "lit" : ""}`} viewBox="-110 -110 220 220" {...(slider || { role: "img", "aria-label": words })}>
      <defs>
        <pattern id={hatch} width="4" height="4" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
          <rect width="4" height="4" class="hatch-back" />
          <rect width="1.7" height="4" class="hatch-line" />
        </pattern>
      </defs>
      <circle class="track" r={(OUTER + INNER) / 2} stroke-width={OUTER - INNER} />
      {ring.members.map((member, place) => {
        const away = isAway(conditions.get(member.nodeId) ?? "up");
        const stands = member.nodeId === lit || chosen.includes(place);
        const lined = runs.length <= LINES_MAX && ring.members.length > 1;
        return (
          <g key={member.nodeId} class={stands ? "member stands" : "member"} data-node={member.name}>
            <path d={owned[place]} fill={colour(member.nodeId)} fill-rule="evenodd" class={lined ? "lined" : ""} />
            {away && ring.members.length <= APART_MAX && <path d={owned[place]} fill={`url(#${hatch})`} fill-rule="evenodd" />}
          </g>
        );
      })}
      {copies && <path class="copies" d={copies} stroke={colour(lit!)} stroke-width={COPIES_WIDTH} />}
      {motion.map(({ place, d }) => (
        <path key={place} class="motion" d={d} stroke={colour(ring.members[place]!.nodeId)} stroke-width={MOTION_WIDTH} />
      ))}
      {keys.map((key) => {
        const [x, y] = at(INNER - 9, (key.partition + 0.5) / ring.partitions);
        return (
          <g key={key.label} class="key" transform={`translate(${x.toFixed(2)} ${y.toFixed(2)})`}>
            <circle r="3.1" fill={colour(key.nodeId)} />
            <title>{key.label}</title>
          </g>
        );
      })}
      {partition !== undefined && <Pointer turn={(partition + 0.5) / ring.partitions} />}
    </svg>
  );
}

function Pointer({ turn }: { turn: number }) {
  const [x, y] = at(INNER - 1.5, turn);
  const degrees = turn * 360;
  return <path class="pointer" transform={`translate(${x.toFixed(2)} ${y.toFixed(2)}) rotate(${degrees.toFixed(2)})`} d="M0 0L3.2 9H-3.2Z" />;
}

/** Arrow keys go from arc to arc, page keys a sixteenth of the ring, Home and End to its ends. */
function moved(key: string, from: number, runs: Run[], partitions: number): number | undefined {
  const here = runs.findIndex((run) => from >= run.from && from < run.from + run.length);
  const around = (index: number) => runs[(index + runs.length) % runs.length]!.from;
  switch (key) {
    case "ArrowRight":
    case "ArrowUp":
      return around(here + 1);
    case "ArrowLeft":
    case "ArrowDown":
      return around(here < 0 ? -1 : here - 1);
    case "PageUp":
      return (Math.max(from, 0) + partitions / 16) % partitions;
    case "PageDown":
      return (Math.max(from, 0) + partitions - partitions / 16) % partitions;
    case "Home":
      return 0;
    case "End":
      return partitions - 1;
    default:
      return undefined;
  }
}

function arcsOf(runs: Run[], ring: Ring, outer: number, inner: number): string[] {
  const arcs = ring.members.map(() => "");
  for (const run of runs) arcs[run.member] += arc(run, ring.partitions, outer, inner);
  return arcs;
}

function arc({ from, length }: Run, partitions: number, outer: number, inner: number): string {
  if (length >= partitions) return circle(outer) + circle(inner);
  const [start, end] = [from / partitions, (from + length) / partitions];
  const large = end - start > 0.5 ? 1 : 0;
  return `M${point(outer, start)}A${outer} ${outer} 0 ${large} 1 ${point(outer, end)}L${point(inner, end)}A${inner} ${inner} 0 ${large} 0 ${point(inner, start)}Z`;
}

function stroke({ from, length }: Run, partitions: number, r: number): string {
  if (length >= partitions) return circle(r);
  const [start, end] = [from / partitions, (from + length) / partitions];
  return `M${point(r, start)}A${r} ${r} 0 ${end - start > 0.5 ? 1 : 0} 1 ${point(r, end)}`;
}

function strokesOf(moving: Run[], ring: Ring): { place: number; d: string }[] {
  const byMember = new Map<number, string>();
  for (const run of moving) byMember.set(run.member, (byMember.get(run.member) ?? "") + stroke(run, ring.partitions, MOTION));
  return [...byMember].map(([place, d]) => ({ place, d }));
}

/** Where a member holds copies without being the first. */
function copiesOf(ring: Ring, n: number, nodeId: string): string {
  const place = ring.place(nodeId);
  const runs = runsOf(ring.partitions, (partition) => (ring.replicas(partition, n).includes(place) ? place : undefined));
  return runs.map((run) => stroke(run, ring.partitions, COPIES)).join("");
}

const at = (r: number, turn: number): [number, number] => [r * Math.sin(turn * 2 * Math.PI), -r * Math.cos(turn * 2 * Math.PI)];
const point = (r: number, turn: number): string => at(r, turn).map((value) => value.toFixed(2)).join(" ");
const circle = (r: number): string => `M0 ${-r}A${r} ${r} 0 1 1 0 ${r}A${r} ${r} 0 1 1 0 ${-r}Z`;

function inWords(ring: Ring, n: number): string {
  const facts = t("ringWords", { n: ring.members.length, partitions: ring.partitions, copies: n });
  if (ring.members.length > 12) return facts;
  const shares = ring.shares(1);
  return `${facts} ${ring.members.map((member, place) => `${member.name} ${number((100 * shares[place]!) / ring.partitions, 1)} %`).join(", ")}.`;
}
