// Random numbers: the same as in Python from equal seeds (nn/randomness.py, inference/sampler.py).
//
// NumPy's SeedSequence makes stateless seeds. From these, Philox 4x32-10 (Salmon et al. 2011) makes
// numbers as TensorFlow's stateless functions do. Seeds and counters are BigInts of 64 bits.

const LOW = 0xffffffffn;
const MASK = (1n << 64n) - 1n;
const ROUNDS = 10;
const SEED_ROWS = 6;

/** Purposes and rows of a seed table, as in magenta_sketch/seeds.py. */
export const Purpose = { SAMPLING: 3, ENCODING: 4, PRIOR: 5 };
export const Draw = { LATENT: 5 };

/** Return 4 words of 32 bits, from a counter of 4 words and a key of 2. */
export function philox(counter, key) {
  let [a, b, c, d] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < ROUNDS; round++) {
    const [high0, low0] = product(0xd2511f53, a);
    const [high1, low1] = product(0xcd9e8d57, c);
    [a, b, c, d] = [(high1 ^ b ^ k0) >>> 0, low1, (high0 ^ d ^ k1) >>> 0, low0];
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [a, b, c, d];
}

/** Return the high and the low word of a product of two words. */
function product(x, y) {
  const [x1, x0, y1, y0] = [x >>> 16, x & 0xffff, y >>> 16, y & 0xffff];
  const middle = x1 * y0 + ((x0 * y0) >>> 16); // below 2**32
  const other = x0 * y1 + (middle & 0xffff);
  const high = x1 * y1 + Math.floor(middle / 0x10000) + Math.floor(other / 0x10000);
  return [high >>> 0, Math.imul(x, y) >>> 0];
}

/** The numbers of one stateless seed, [BigInt, BigInt], in groups of 4 words. */
class Stream {
  constructor([first, second]) {
    const words = (n) => [Number(n & LOW), Number((n >> 32n) & LOW)];
    // TensorFlow mixes the seed with a fixed key.
    const mixed = philox([...words(first), ...words(second)], [0x3ec8f720, 0x02461e29]);
    this.key = [mixed[0], mixed[1]];
    this.start = [0, 0, mixed[2], mixed[3]];
  }

  /** Return the number `make(words)[index % 4]` for each index from `first` on. */
  numbers(count, first, make) {
    const found = new Float64Array(count);
    let group = -1;
    let made = null;
    for (let i = 0; i < count; i++) {
      if (group !== (first + i) >> 2) {
        group = (first + i) >> 2;
        made = make(philox([group, this.start[1], this.start[2], this.start[3]], this.key));
      }
      found[i] = made[(first + i) & 3];
    }
    return found;
  }
}

const uniform = (word) => (word & 0x7fffff) / 0x800000;

function boxMuller(x, y) {
  const radius = Math.sqrt(-2 * Math.log(Math.max(uniform(x), 1e-7)));
  const angle = 2 * Math.PI * uniform(y);
  return [radius * Math.sin(angle), radius * Math.cos(angle)];
}

/** Return `count` uniform numbers in [0, 1) of a stateless seed, from number `first` on. */
export function uniforms(seed, count, first = 0) {
  return new Stream(seed).numbers(count, first, (words) => words.map(uniform));
}

/** Return `count` standard normal numbers of a stateless seed, from number `first` on. */
export function normals(seed, count, first = 0) {
  return new Stream(seed).numbers(count, first, ([a, b, c, d]) => [
    ...boxMuller(a, b), ...boxMuller(c, d)]);
}

/** Return the stateless seeds of each `Draw`, as `randomness.seed_table` in Python. */
export function seedTable(seed, step, purpose) {
  const entropy = [seed, step, purpose].flatMap((n) => {
    const whole = BigInt(n);
    return [Number(whole >> 32n), Number(whole & LOW)];
  });
  const state = seedSequence(entropy, 4 * SEED_ROWS);
  const table = [];
  for (let row = 0; row < SEED_ROWS; row++) {
    const words = state.slice(4 * row, 4 * row + 4).map(BigInt);
    table.push([(words[0] | (words[1] << 32n)) >> 1n, (words[2] | (words[3] << 32n)) >> 1n]);
  }
  return table;
}

/** Return `count` words of NumPy's SeedSequence (O'Neill 2015) of an entropy of 4 words or more. */
function seedSequence(entropy, count) {
  let constant = 0x43b0d7e5;
  const hash = (value) => {
    let mixed = (value ^ constant) >>> 0;
    constant = Math.imul(constant, 0x931e8875) >>> 0;
    mixed = Math.imul(mixed, constant) >>> 0;
    return (mixed ^ (mixed >>> 16)) >>> 0;
  };
  const mix = (x, y) => {
    const mixed = (Math.imul(x, 0xca01f9dd) - Math.imul(y, 0x4973f715)) >>> 0;
    return (mixed ^ (mixed >>> 16)) >>> 0;
  };
  const pool = entropy.slice(0, 4).map(hash);
  for (let from = 0; from < 4; from++) {
    for (let to = 0; to < 4; to++) if (from !== to) pool[to] = mix(pool[to], hash(pool[from]));
  }
  for (const word of entropy.slice(4)) {
    for (let to = 0; to < 4; to++) pool[to] = mix(pool[to], hash(word));
  }
  let last = 0x8b51f9dd;
  return Array.from({ length: count }, (_, i) => {
    let value = (pool[i % 4] ^ last) >>> 0;
    last = Math.imul(last, 0x58f38ded) >>> 0;
    value = Math.imul(value, last) >>> 0;
    return (value ^ (value >>> 16)) >>> 0;
  });
}

/** Add a number to the second half of a stateless seed, with the overflow of 64 bits. */
export const after = ([first, second], step) => [first, (second + BigInt(step)) & MASK];
