// Screenshots as small files: at most 256 colours, one byte a pixel. Reads what Chromium writes: 8 bits, RGB or RGBA.
import { deflateSync, inflateSync } from "node:zlib";

const colours_max = 256;

function parts(png) {
  const found = [];
  for (let at = 8; at < png.length; ) {
    const n = png.readUInt32BE(at);
    found.push({ type: png.toString("latin1", at + 4, at + 8), data: png.subarray(at + 8, at + 8 + n) });
    at += n + 12;
  }
  return found;
}

function paeth(a, b, c) {
  const [pa, pb, pc] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)];
  if (pa <= pb && pa <= pc) return a;
  return pb <= pc ? b : c;
}

// One number a pixel: 0xRRGGBB.
function read(png) {
  const all = parts(png);
  const head = all[0].data;
  const [wide, high, depth] = [head.readUInt32BE(0), head.readUInt32BE(4), head[9] === 6 ? 4 : 3];
  const raw = inflateSync(Buffer.concat(all.filter((p) => p.type === "IDAT").map((p) => p.data)));
  const stride = wide * depth;
  const rows = Buffer.alloc(high * stride);
  for (let y = 0; y < high; y++) {
    const filter = raw[y * (stride + 1)];
    for (let x = 0; x < stride; x++) {
      const a = x >= depth ? rows[y * stride + x - depth] : 0;
      const b = y > 0 ? rows[(y - 1) * stride + x] : 0;
      const c = x >= depth && y > 0 ? rows[(y - 1) * stride + x - depth] : 0;
      const guess = [0, a, b, (a + b) >> 1, paeth(a, b, c)][filter];
      rows[y * stride + x] = raw[y * (stride + 1) + 1 + x] + guess;
    }
  }
  const pixels = new Uint32Array(wide * high);
  for (let i = 0; i < pixels.length; i++) pixels[i] = (rows[i * depth] << 16) | (rows[i * depth + 1] << 8) | rows[i * depth + 2];
  return { wide, high, pixels };
}

function far(p, q) {
  const [r, g, b] = [(p >> 16) - (q >> 16), ((p >> 8) & 255) - ((q >> 8) & 255), (p & 255) - (q & 255)];
  return r * r + g * g + b * b;
}

// The most used colours, and for each other one the nearest of them.
function palette(pixels) {
  const uses = new Map();
  for (const p of pixels) uses.set(p, (uses.get(p) || 0) + 1);
  const kept = [...uses.keys()].sort((a, b) => uses.get(b) - uses.get(a)).slice(0, colours_max);
  const index = new Map(kept.map((p, i) => [p, i]));
  for (const p of uses.keys()) {
    if (index.has(p)) continue;
    let best = 0;
    for (let i = 1; i < kept.length; i++) if (far(p, kept[i]) < far(p, kept[best])) best = i;
    index.set(p, best);
  }
  return { kept, index };
}

const crc_table = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

function crc32(data) {
  let c = 0xffffffff;
  for (const byte of data) c = crc_table[(c ^ byte) & 255] ^ (c >>> 8);
  return ~c >>> 0;
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crc32(body), body.length + 4);
  return out;
}

export function smaller(png) {
  const { wide, high, pixels } = read(Buffer.from(png));
  const { kept, index } = palette(pixels);
  const rows = Buffer.alloc(high * (wide + 1));
  for (let y = 0; y < high; y++) for (let x = 0; x < wide; x++) rows[y * (wide + 1) + 1 + x] = index.get(pixels[y * wide + x]);
  const head = Buffer.alloc(13);
  head.writeUInt32BE(wide, 0);
  head.writeUInt32BE(high, 4);
  head.set([8, 3, 0, 0, 0], 8);
  const colours = Buffer.from(kept.flatMap((p) => [p >> 16, (p >> 8) & 255, p & 255]));
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), chunk("IHDR", head), chunk("PLTE", colours), chunk("IDAT", deflateSync(rows, { level: 9, memLevel: 9 })), chunk("IEND", Buffer.alloc(0))]);
}
