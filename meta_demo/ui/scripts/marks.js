// Marks of strings as `core/marks.py` makes them.

const REMAINDERS = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ 0xedb88320 : rest >>> 1;
  return rest;
});

function markOf(said) {
  const bytes = new TextEncoder().encode(said);
  let sum = -1;
  for (const byte of bytes) sum = REMAINDERS[(sum ^ byte) & 255] ^ (sum >>> 8);
  return `${bytes.length}-${(~sum >>> 0).toString(16)}`;
}
