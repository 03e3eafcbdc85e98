// Icons, drawn in lines on a square of 20.

const SHAPES = {
  overview: "M3 11.5l4-4 3 3 6.5-6.5M3 16.5h14",
  ring: "M10 3a7 7 0 1 1-.01 0M10 3v3.5M16.1 13.5l-3-1.75M3.9 13.5l3-1.75",
  members: "M3 4h14v4.5H3zM3 11.5h14V16H3zM6 6.25h.01M6 13.75h.01M9 6.25h5M9 13.75h5",
  events: "M10 3a7 7 0 1 1-.01 0M10 6v4l2.8 2",
  data: "M3.5 5.5c0-1.4 2.9-2.5 6.5-2.5s6.5 1.1 6.5 2.5-2.9 2.5-6.5 2.5-6.5-1.1-6.5-2.5zM3.5 5.5v9c0 1.4 2.9 2.5 6.5 2.5s6.5-1.1 6.5-2.5v-9M3.5 10c0 1.4 2.9 2.5 6.5 2.5s6.5-1.1 6.5-2.5",
  sql: "M3 4h14v12H3zM6 8l2.2 2L6 12M10.5 12.5H14",
  audit: "M5 3h10v14H5zM8 7h4M8 10h4M8 13h2.5",
  tour: "M10 2.5l2.1 4.9 5.4.5-4.1 3.5 1.3 5.2L10 13.8l-4.7 2.8 1.3-5.2-4.1-3.5 5.4-.5z",
  good: "M10 3a7 7 0 1 1-.01 0M6.8 10.2l2.2 2.2 4.2-4.6",
  warn: "M10 3.2l7.2 13H2.8zM10 8v3.8M10 14h.01",
  bad: "M10 3a7 7 0 1 1-.01 0M7.4 7.4l5.2 5.2M12.6 7.4l-5.2 5.2",
  wait: "M10 3a7 7 0 1 1-.01 0M10 6.2v4h3",
  copy: "M7 7h9v9H7zM4 12.5V4h8.5",
  done: "M4 10.5l4 4 8-9",
  plus: "M10 4v12M4 10h12",
  trash: "M4 6h12M8 6V4h4v2M6 6l.7 10h6.6L14 6",
  sun: "M10 6.5a3.5 3.5 0 1 1-.01 0M10 2v1.5M10 16.5V18M2 10h1.5M16.5 10H18M4.4 4.4l1 1M14.6 14.6l1 1M4.4 15.6l1-1M14.6 5.4l1-1",
  moon: "M15.8 12.2A6.5 6.5 0 0 1 7.8 4.2a6.5 6.5 0 1 0 8 8z",
  auto: "M3 4.5h14v9H3zM7.5 16.5h5M10 13.5v3",
  search: "M9 4a5 5 0 1 1-.01 0M12.7 12.7L16.5 16.5",
  play: "M6.5 4.5l8 5.5-8 5.5z",
  link: "M8.5 11.5l3-3M7.2 8.8L5 11a2.8 2.8 0 0 0 4 4l2.2-2.2M12.8 11.2L15 9a2.8 2.8 0 0 0-4-4L8.8 7.2",
} as const;

export type Icon = keyof typeof SHAPES;

export const Icon = ({ name, class: extra = "" }: { name: Icon; class?: string }) => (
  <svg class={`icon ${extra}`} viewBox="0 0 20 20" aria-hidden="true" focusable="false">
    <path d={SHAPES[name]} />
  </svg>
);

/** A patch of a node's colour, in front of its name. */
export const Dot = ({ fill, hollow }: { fill: string; hollow?: boolean }) => (
  <svg class="dot" viewBox="0 0 10 10" aria-hidden="true" focusable="false">
    {hollow ? <circle cx="5" cy="5" r="3.8" fill="none" stroke={fill} stroke-width="2.2" /> : <circle cx="5" cy="5" r="5" fill={fill} />}
  </svg>
);
