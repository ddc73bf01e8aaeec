// What the model computes: cells, encoder, decoder, and the mixture density of the next point.
//
// Names and formulas are those of the paper (Ha & Eck 2017) and of the Python package. B sketches,
// U units, Z latent numbers, M mixture components. Tensors are TensorFlow.js tensors of float32; a
// sketch is a list of stroke-5 points [dx, dy, p1, p2, p3] in model units.

import * as tf from "@tensorflow/tfjs-core";

export const START = [0, 0, 1, 0, 0];
const POINT = 5; // numbers of a point
const EPSILON = 1e-3; // of a layer norm, inside the root
const [HYPER_UNITS, EMBEDDING] = [256, 32];
const SHIFTS = 4;

// ------------------------------------------------------------------------------------------ cells
//
// A cell has the `sizes` of its state; `prepare(z)`, which computes z·kernel once per sketch; and
// `step(x, prepared, state)`, the new state. State: h, c (and hyper h and c).

/** c' = c·σ(f + 1) + σ(i)·tanh(j), from the four gates [B, U] in the order i, j, f, o. */
function memory([i, j, f], c) {
  return tf.add(tf.mul(c, tf.sigmoid(tf.add(f, 1))), tf.mul(tf.sigmoid(i), tf.tanh(j)));
}

/** Ba et al. 2016, eq. 4: x normalised over its last axis, times gamma, plus beta. */
function layerNorm(x, gamma, beta) {
  const centred = tf.sub(x, tf.mean(x, -1, true));
  const variance = tf.mean(tf.square(centred), -1, true);
  return tf.add(tf.mul(tf.mul(centred, tf.rsqrt(tf.add(variance, EPSILON))), gamma), beta);
}

/** z·kernel, for the rows of a kernel of [x, z] that belong to z; 0 without z. */
function ofLatent(z, kernel) {
  return z ? tf.matMul(z, tf.slice(kernel, [POINT, 0], [z.shape[1], -1])) : tf.scalar(0);
}

/** A kernel for [x, h] from one of [x, z] (only the rows of x are taken) and one of h. */
function joined(kernel, ...others) {
  return tf.concat([tf.slice(kernel, [0, 0], [POINT, -1]), ...others], 0);
}

/** pre = x·kernel + h·recurrent_kernel + bias; c' as in `memory`; h' = tanh(c')·σ(o). */
function lstm(w) {
  const [units] = w("recurrent_kernel").shape;
  const kernel = joined(w("kernel"), w("recurrent_kernel"));
  return {
    sizes: [units, units],
    prepare: (z) => tf.add(ofLatent(z, w("kernel")), w("bias")),
    step(x, prepared, [h, c]) {
      const pre = tf.add(tf.matMul(tf.concat([x, h], 1), kernel), prepared);
      const gates = tf.split(pre, 4, 1);
      const new_c = memory(gates, c);
      return [tf.mul(tf.tanh(new_c), tf.sigmoid(gates[3])), new_c];
    },
  };
}

/** The gates [B, 4, U] normalised each by itself; c' as in `memory`; h' = tanh(LN(c'))·σ(o). */
function normalised(w, units) {
  const [gamma, beta] = [w("gates_gamma"), w("gates_beta")].map((x) => tf.reshape(x, [4, units]));
  return (pre, c) => {
    const gates = tf.unstack(layerNorm(tf.reshape(pre, [-1, 4, units]), gamma, beta), 1);
    const new_c = memory(gates, c);
    const y = tf.tanh(layerNorm(new_c, w("cell_gamma"), w("cell_beta")));
    return [tf.mul(y, tf.sigmoid(gates[3])), new_c];
  };
}

/** pre = x·kernel + h·recurrent_kernel, normalised; no bias. */
function layerNormLstm(w) {
  const [units] = w("recurrent_kernel").shape;
  const kernel = joined(w("kernel"), w("recurrent_kernel"));
  const rest = normalised(w, units);
  return {
    sizes: [units, units],
    prepare: (z) => ofLatent(z, w("kernel")),
    step: (x, prepared, [h, c]) =>
      rest(tf.add(tf.matMul(tf.concat([x, h], 1), kernel), prepared), c),
  };
}

/**
 * Ha, Dai, Le 2016: a layer-normalised LSTM of 256 units, the hyper cell, reads [x, h]. Its output ĥ
 * scales and shifts the terms of each gate:
 *
 *     scale = (ĥ·scale_embedding + scale_embedding_bias)·scale_kernel
 *     shift = (ĥ·shift_embedding)·shift_kernel
 *     pre   = (x·kernel)⊙scale_x + (h·recurrent_kernel)⊙scale_h + shift + bias
 */
function hyperLstm(w) {
  const [units] = w("recurrent_kernel").shape;
  const z_size = w("kernel").shape[0] - POINT;
  const hyper = (name) => w(`hyper_cell/${name}`);
  const of_h = tf.slice(hyper("kernel"), [POINT + z_size, 0], [units, -1]);
  const hyperKernel = joined(hyper("kernel"), of_h, hyper("recurrent_kernel"));
  const embedding = tf.concat([w("scale_embedding"), w("shift_embedding")], 1);
  const embeddingBias = tf.pad(w("scale_embedding_bias"), [[0, SHIFTS * EMBEDDING]]);
  // [32, U] each: products of two matrices are far faster than one of two stacks of them.
  const parts = tf.unstack(tf.concat([w("scale_kernel"), w("shift_kernel")], 0));
  const ofPoint = tf.slice(w("kernel"), [0, 0], [POINT, -1]);
  const [hyperRest, rest] = [normalised(hyper, HYPER_UNITS), normalised(w, units)];
  return {
    sizes: [units, units, HYPER_UNITS, HYPER_UNITS],
    prepare: (z) => [ofLatent(z, w("kernel")), ofLatent(z, hyper("kernel"))],
    step(x, [prepared, hyperPrepared], [h, c, hyper_h, hyper_c]) {
      const hyperPre = tf.matMul(tf.concat([x, h, hyper_h], 1), hyperKernel);
      const after = hyperRest(tf.add(hyperPre, hyperPrepared), hyper_c);
      const embedded = tf.add(tf.matMul(after[0], embedding), embeddingBias);
      const each = tf.split(embedded, parts.length, 1).map((row, i) => tf.matMul(row, parts[i]));
      const [scale_x, scale_h, shift] = [0, 4, 8].map((i) => tf.concat(each.slice(i, i + 4), 1));
      const x_part = tf.mul(tf.add(tf.matMul(x, ofPoint), prepared), scale_x);
      const h_part = tf.mul(tf.matMul(h, w("recurrent_kernel")), scale_h);
      const pre = tf.addN([x_part, h_part, tf.add(shift, w("bias"))]);
      return [...rest(pre, c), ...after];
    },
  };
}

const CELLS = { lstm, layer_norm: layerNormLstm, hyper: hyperLstm };

// ---------------------------------------------------------------------------------------- network

/** A Sketch-RNN. about: the model's header. weights: tensors by name. (weights.js reads both.) */
export class Network {
  constructor(about, weights) {
    const under = (prefix) => (name) => weights[`${prefix}/${name}`];
    this.about = about;
    this.decoderCell = CELLS[about.dec_model](under("decoder/cell"));
    this.encoderCells = about.conditional
      ? ["forward", "backward"].map((way) => CELLS[about.enc_model](under(`encoder/${way}`))) : [];
    this.encoder = under("encoder");
    this.decoder = under("decoder");
  }

  /** Return the posterior of z of a sketch: mu and presig, the log variance, each [Z]. */
  encode(points) {
    const last = this.encoderCells.map((cell, backward) => {
      const inputs = backward ? [...points].reverse() : points;
      let state = cell.sizes.map((size) => tf.zeros([1, size]));
      const prepared = tf.tidy(() => cell.prepare(null));
      for (const point of inputs) {
        const old = state;
        state = tf.tidy(() => cell.step(tf.tensor2d([point]), prepared, old));
        tf.dispose(old);
      }
      tf.dispose(prepared);
      return state;
    });
    return tf.tidy(() => {
      const h = tf.concat(last.map((state) => state[0]), 1); // [h_forward, h_backward]
      const found = ["mu", "presig"].map((name) => {
        const [kernel, bias] = ["kernel", "bias"].map((part) => this.encoder(`${name}/${part}`));
        return tf.add(tf.matMul(h, kernel), bias).dataSync();
      });
      tf.dispose(last);
      return { mu: found[0], presig: found[1] };
    });
  }

  /** Begin sketches: one for each z, a list of [Z]; without z, `count` of them. */
  begin(zs, count = 1) {
    return tf.tidy(() => {
      const { sizes } = this.decoderCell;
      let z = null;
      let state = sizes.map((size) => tf.zeros([count, size]));
      if (zs) {
        z = tf.mul(tf.tensor2d(zs.map((one) => Array.from(one))), this.about.decoder_z_scale);
        if (this.about.tanh_z) z = tf.tanh(z);
        const [kernel, bias] = [this.decoder("state_dense/kernel"), this.decoder("state_dense/bias")];
        state = tf.split(tf.tanh(tf.add(tf.matMul(z, kernel), bias)), sizes, 1);
      }
      return { prepared: this.decoderCell.prepare(z), state };
    });
  }

  /**
   * Feed the last point of each sketch. Return the output vectors for the next points, each
   * [3 + 6·M]; `sketches`, from `begin`, has the new state then.
   */
  step(sketches, points) {
    const old = sketches.state;
    const [output, ...state] = tf.tidy(() => {
      const after = this.decoderCell.step(tf.tensor2d(points), sketches.prepared, old);
      const product = tf.matMul(after[0], this.decoder("output_kernel"));
      return [tf.add(product, this.decoder("output_bias")), ...after];
    });
    const numbers = output.dataSync();
    tf.dispose([old, output]);
    sketches.state = state;
    const width = numbers.length / points.length;
    return points.map((_, row) => numbers.subarray(row * width, (row + 1) * width));
  }
}

/** Leave only these rows of sketches that were begun together; a row may come several times. */
export function keepRows(sketches, rows) {
  const batch = sketches.state[0].shape[0];
  const kept = (x) => (x.rank > 1 && x.shape[0] === batch ? tf.gather(x, rows) : tf.clone(x));
  const { state, prepared } = sketches;
  sketches.state = state.map((x) => tf.tidy(() => kept(x)));
  sketches.prepared = Array.isArray(prepared) ? prepared.map(kept) : kept(prepared);
  tf.dispose([state, prepared]);
}

/** Give the memory of sketches back. */
export const end = (sketches) => tf.dispose([sketches.state, sketches.prepared]);

// ---------------------------------------------------------------------------------------- mixture

/** Split an output vector: pen logits [3], and M of each of log pi, mu, log sigma and corr logit. */
export function split(output) {
  const M = (output.length - 3) / 6;
  const part = (number) => Array.from(output.subarray(3 + number * M, 3 + (number + 1) * M));
  const [pi, mu1, mu2, log_sigma1, log_sigma2, corr_logits] = [0, 1, 2, 3, 4, 5].map(part);
  const pen_logits = Array.from(output.subarray(0, 3));
  return { pen_logits, log_pi: logSoftmax(pi), mu1, mu2, log_sigma1, log_sigma2, corr_logits };
}

function logSumExp(values) {
  const most = Math.max(...values);
  return most + Math.log(values.reduce((sum, value) => sum + Math.exp(value - most), 0));
}

function logSoftmax(logits) {
  const sum = logSumExp(logits);
  return logits.map((logit) => logit - sum);
}

/** Ha & Eck 2017, eq. 8: pi and pen logits / τ, variances · τ. */
function cooled(params, temperature) {
  const half = 0.5 * Math.log(temperature);
  return {
    ...params,
    pen_logits: params.pen_logits.map((logit) => logit / temperature),
    log_pi: logSoftmax(params.log_pi.map((one) => one / temperature)),
    log_sigma1: params.log_sigma1.map((one) => one + half),
    log_sigma2: params.log_sigma2.map((one) => one + half),
  };
}

/** Draw the next point, from two uniform and two normal numbers. */
export function drawPoint(output, temperature, uniforms, normals) {
  const params = cooled(split(output), temperature);
  const m = choose(params.log_pi, uniforms[0]);
  const rho = Math.tanh(params.corr_logits[m]);
  const rest = 1 / Math.cosh(params.corr_logits[m]); // sqrt(1 - rho²)
  return [
    params.mu1[m] + Math.exp(params.log_sigma1[m]) * normals[0],
    params.mu2[m] + Math.exp(params.log_sigma2[m]) * (rho * normals[0] + rest * normals[1]),
    ...oneHot(choose(logSoftmax(params.pen_logits), uniforms[1])),
  ];
}

/** The mean of the likeliest component, and the likeliest pen state. */
export function greedyPoint(output) {
  const params = split(output);
  const largest = (values) => values.indexOf(Math.max(...values));
  const m = largest(params.log_pi);
  return [params.mu1[m], params.mu2[m], ...oneHot(largest(params.pen_logits))];
}

function choose(log_probabilities, uniform) {
  let sum = 0;
  const found = log_probabilities.findIndex((one) => (sum += Math.exp(one)) > uniform);
  return found < 0 ? log_probabilities.length - 1 : found; // rounded sums may be below 1
}

const oneHot = (pen) => [0, 1, 2].map((state) => (state === pen ? 1 : 0));

/** The log density of an offset, in model units, and the log probability of its pen state. */
export function logDensity(output, [dx, dy, ...pen]) {
  const { pen_logits, log_pi, mu1, mu2, log_sigma1, log_sigma2, corr_logits } = split(output);
  const logs = log_pi.map((log, m) => {
    const log_minus = Math.LN2 - softplus(2 * corr_logits[m]); // log(1 - rho)
    const log_plus = Math.LN2 - softplus(-2 * corr_logits[m]);
    const a = (dx - mu1[m]) * Math.exp(-log_sigma1[m]);
    const b = (dy - mu2[m]) * Math.exp(-log_sigma2[m]);
    // (a² + b² - 2·rho·a·b) / (1 - rho²) = (u² + v²) / 2: no cancellation
    const u = (a - b) * Math.exp(-0.5 * log_minus);
    const v = (a + b) * Math.exp(-0.5 * log_plus);
    return log - 0.25 * (u * u + v * v) - 0.5 * (log_minus + log_plus)
      - log_sigma1[m] - log_sigma2[m] - Math.log(2 * Math.PI);
  });
  return { offset: logSumExp(logs), pen: logSoftmax(pen_logits)[pen.indexOf(1)] };
}

const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
