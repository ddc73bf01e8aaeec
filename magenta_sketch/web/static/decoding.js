// What the page asks of a network: to draw, to encode, and to find the scale of a drawing.
//
// Rows are stroke-5 points in model units. `wanted()` is asked at every time step; when it says no,
// the work ends and null is returned.

import { drawPoint, end, greedyPoint, keepRows, logDensity, START } from "./network.js";
import { after, Draw, normals, Purpose, seedTable, uniforms } from "./randomness.js";

const channel = new MessageChannel();
const waiting = [];
channel.port1.onmessage = () => waiting.shift()();

/** Let messages in. Faster than a timer. */
function breathe() {
  return new Promise((resolve) => {
    waiting.push(resolve);
    channel.port2.postMessage(null);
  });
}

/**
 * Draw sketches as `TrainedModel.decode` and `complete` do in Python: equal seeds, equal sketches.
 *
 * @param how zs: one latent vector for each sketch, or null; count: number of sketches without zs;
 *   given: rows that all begin with; most: the largest number of points; temperature, greedy, seed;
 *   noiseRows: for each sketch the row of the noise it uses; lifts: end after so many strokes.
 * @param draw called at every time step with [[number of the sketch, row], ...], and with the sketches
 *   that have ended there, [[number, "finished", "lifted" or "full"], ...].
 * @return whether all have ended; null when the work was not wanted any more.
 */
export async function decode(network, how, draw, wanted) {
  const { zs = null, given = [], most, temperature = 1, greedy = false, seed = 0 } = how;
  const count = zs ? zs.length : how.count;
  const seeds = seedTable(seed, 0, Purpose.SAMPLING);
  const alike = !zs && given.length > 0; // the same until the first draw, so computed once
  const begun = alike ? 1 : count;
  const sketches = network.begin(zs, begun);
  const lifts = Array(count).fill(how.lifts || Infinity);
  let alive = Array.from({ length: count }, (_, number) => number);
  let points = Array(begun).fill(START);
  try {
    for (const row of given) {
      network.step(sketches, points);
      points = points.map(() => row);
      await breathe();
      if (!wanted()) return null;
    }
    if (alike) {
      keepRows(sketches, Array(count).fill(0));
      points = alive.map(() => points[0]);
    }
    for (let t = given.length; t < most && alive.length; t++) {
      const outputs = network.step(sketches, points);
      const [u, n] = [after(seeds[0], t), after(seeds[1], t)];
      points = outputs.map((output, place) => {
        if (greedy) return greedyPoint(output);
        const first = 2 * (how.noiseRows ? how.noiseRows[alive[place]] : alive[place]);
        return drawPoint(output, temperature, uniforms(u, 2, first), normals(n, 2, first));
      });
      if (!points.flat().every(Number.isFinite)) {
        throw new Error("the model gives numbers that are not finite");
      }
      await breathe();
      if (!wanted()) return null;
      const ends = alive.map((number, place) => {
        lifts[number] -= points[place][3];
        if (points[place][4]) return "finished";
        return lifts[number] <= 0 ? "lifted" : t + 1 === most && "full";
      });
      draw(
        alive.flatMap((number, place) => (points[place][4] ? [] : [[number, points[place]]])),
        alive.flatMap((number, place) => (ends[place] ? [[number, ends[place]]] : [])),
      );
      const open = ends.flatMap((why, place) => (why ? [] : [place]));
      alive = open.map((place) => alive[place]);
      points = open.map((place) => points[place]);
      if (open.length && open.length < ends.length) keepRows(sketches, open);
    }
    return true;
  } finally {
    end(sketches);
  }
}

/** Return latent vectors of the prior N(0, 1), as `TrainedModel.prior` does in Python. */
export function prior(network, count, seed) {
  const size = network.about.z_size;
  const numbers = normals(seedTable(seed, 0, Purpose.PRIOR)[0], count * size);
  return Array.from({ length: count }, (_, row) => numbers.subarray(row * size, (row + 1) * size));
}

/** Return count draws mu + scale·sigma·eps (Ha & Eck 2017, eq. 2); eps follows from the seed. */
export function noisy({ mu, presig }, count, scale, seed) {
  const size = mu.length;
  const eps = normals(seedTable(seed, 0, Purpose.ENCODING)[Draw.LATENT], count * size);
  return Array.from({ length: count }, (_, row) => Float64Array.from(
    mu, (mean, i) => mean + scale * Math.exp(0.5 * presig[i]) * eps[row * size + i]));
}

const PARTS = 4; // candidates for each doubling of the scale
const REACH = 6; // candidates on each side of the first guess
const TRUST = 0.7; // standard deviation, in log units, of the first guess

/**
 * Finds how many units of the page are one model unit, by the likelihood of what has been drawn.
 *
 * The density of offsets in the page's units is p(offset / unit) / unit² (a change of variables).
 * Rows that were seen before are not computed again.
 */
export class ScaleFit {
  constructor(network, guess) {
    this.network = network;
    this.units = [];
    for (let k = -REACH; k <= REACH; k++) this.units.push(guess * 2 ** (k / PARTS));
    this.guess = guess;
    this.rows = [];
    this.#begin();
  }

  #begin() {
    if (this.sketches) end(this.sketches);
    const { conditional, z_size } = this.network.about;
    const zs = conditional ? this.units.map(() => new Float32Array(z_size)) : null;
    this.sketches = this.network.begin(zs, this.units.length);
    this.points = this.units.map(() => START);
    this.rows = [];
    this.logs = this.units.map((unit) => {
      const far = Math.log(unit / this.guess) / TRUST;
      return -0.5 * far * far;
    });
  }

  /** Return the unit for a drawing of rows in the page's units; null when it is not wanted. */
  async unitOf(rows, wanted) {
    const known = this.rows.every((row, i) => rows[i] && row.every((v, j) => v === rows[i][j]));
    if (!known) this.#begin();
    for (const row of rows.slice(this.rows.length)) {
      const outputs = this.network.step(this.sketches, this.points);
      this.points = this.units.map((unit) => scaled([row], 1 / unit)[0]);
      this.units.forEach((unit, i) => {
        const { offset, pen } = logDensity(outputs[i], this.points[i]);
        this.logs[i] += offset + pen - 2 * Math.log(unit);
      });
      this.rows.push(row);
      await breathe();
      if (!wanted()) return null;
    }
    return this.#best();
  }

  /** Return the top of a parabola through the best candidate and its neighbours. */
  #best() {
    const best = this.logs.indexOf(Math.max(...this.logs));
    const [left, here, right] = [-1, 0, 1].map((side) => this.logs[best + side]);
    let shift = 0;
    if (left !== undefined && right !== undefined) {
      const bend = left - 2 * here + right;
      if (bend < 0) shift = 0.5 * (left - right) / bend;
    }
    return this.units[best] * 2 ** (shift / PARTS);
  }
}

/** Return rows with their offsets multiplied by a factor. */
export function scaled(rows, factor) {
  return rows.map(([dx, dy, ...pen]) => [dx * factor, dy * factor, ...pen]);
}
