// SHA-1, as tokens are made with it. Browsers have it only on pages that came over TLS or from this machine, and the
// console is also reached otherwise; nothing is protected by it.

export function sha1(bytes: Uint8Array): Uint8Array {
  const length = ((bytes.length + 8) >> 6) + 1;
  const padded = new DataView(new ArrayBuffer(length * 64));
  bytes.forEach((byte, at) => padded.setUint8(at, byte));
  padded.setUint8(bytes.length, 0x80);
  padded.setUint32(length * 64 - 8, Math.floor(bytes.length / 2 ** 29));
  padded.setUint32(length * 64 - 4, (bytes.length << 3) >>> 0);
  const state = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];
  const words = new Uint32Array(80);
  for (let block = 0; block < length; block++) {
    for (let at = 0; at < 80; at++) {
      words[at] = at < 16 ? padded.getUint32(block * 64 + at * 4) : left(words[at - 3]! ^ words[at - 8]! ^ words[at - 14]! ^ words[at - 16]!, 1);
    }
    let [a, b, c, d, e] = state as [number, number, number, number, number];
    for (let at = 0; at < 80; at++) {
      const [mixed, constant] = round(at, b, c, d);
      const next = (left(a, 5) + mixed + e + constant + words[at]!) >>> 0;
      [e, d, c, b, a] = [d, c, left(b, 30), a, next];
    }
    [a, b, c, d, e].forEach((value, at) => (state[at] = (state[at]! + value) >>> 0));
  }
  const out = new DataView(new ArrayBuffer(20));
  state.forEach((word, at) => out.setUint32(at * 4, word));
  return new Uint8Array(out.buffer);
}

function round(at: number, b: number, c: number, d: number): [number, number] {
  if (at < 20) return [(b & c) | (~b & d), 0x5a827999];
  if (at < 40) return [b ^ c ^ d, 0x6ed9eba1];
  if (at < 60) return [(b & c) | (b & d) | (c & d), 0x8f1bbcdc];
  return [b ^ c ^ d, 0xca62c1d6];
}

const left = (word: number, by: number): number => ((word << by) | (word >>> (32 - by))) >>> 0;

/** The token of a key, 40 hex digits. */
export function tokenOf(key: string | Uint8Array): string {
  const bytes = typeof key === "string" ? new TextEncoder().encode(key) : key;
  return Array.from(sha1(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
