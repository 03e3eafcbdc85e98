// The membership history as the node streams it (`GET /v1/events`), from an event on, again and again until it is not wanted any more.

import type { HistoryEvent } from "./types";

/** Before the stream is asked for again, after it ended or could not be had. */
const AGAIN_MS = 2_000;

/** Tells each event behind number `after`, once and in order; what it returns ends that. */
export function listen(after: number, tell: (event: HistoryEvent) => void): () => void {
  const end = new AbortController();
  let last = after;
  const again = async () => {
    while (!end.signal.aborted) {
      try {
        await read(last, end.signal, (event) => {
          last = event.epoch;
          tell(event);
        });
      } catch {
        // The node is away, or has enough listeners; what is asked for every other second says so.
      }
      await new Promise((wake) => setTimeout(wake, AGAIN_MS));
    }
  };
  void again();
  return () => end.abort();
}

/** One connection, until it ends. A browser's own `EventSource` would need every type's name beforehand. */
async function read(after: number, signal: AbortSignal, tell: (event: HistoryEvent) => void): Promise<void> {
  const response = await fetch(`/v1/events?after=${after}`, { cache: "no-store", signal });
  if (!response.ok || !response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    const whole = text.split("\n\n");
    text = whole.pop() ?? "";
    for (const message of whole) {
      const data = /^data: ?(.*)$/m.exec(message);
      if (data?.[1]) tell(JSON.parse(data[1]) as HistoryEvent);
    }
  }
}
