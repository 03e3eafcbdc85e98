// Where the lines of a chart stand.

/** Round numbers from 0 to above the highest, three to five of them. */
export function ticks(highest: number): number[] {
  const rough = highest / 3;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((by) => by * size).find((by) => by >= rough)!;
  const count = Math.max(2, Math.ceil(highest / step - 1e-9));
  return Array.from({ length: count + 1 }, (_, at) => at * step);
}
