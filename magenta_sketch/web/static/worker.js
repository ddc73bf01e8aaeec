// The network in a thread of its own. It answers the requests of client.js.
//
// Drawings come as rows in the page's units: stroke-5 [dx, dy, p1, p2, p3]. A new request ends the
// one before. Answers: {job, type: "unit" | "points" | "place" | "done" | "failed", ...}.

import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";

import { decode, noisy, prior, ScaleFit, scaled } from "./decoding.js";
import { atPlane, onPlane, slerp } from "./latent.js";
import { Network } from "./network.js";
import { readModel } from "./weights.js";

const MOST_POSTERIORS = 8; // kept

let network = null;
let fit = null;
let newest = null; // the number of the newest job
const posteriors = new Map(); // of the drawings of the page, by their rows

/** Use WebAssembly where it has SIMD; otherwise plain JavaScript. */
async function chooseBackend(wasm) {
  tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false); // the page has no module for threads
  if (wasm && await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT")) {
    const place = URL.createObjectURL(new Blob([wasm], { type: "application/wasm" }));
    setWasmPaths(Object.fromEntries(["", "-simd", "-threaded-simd"].map(
      (form) => [`tfjs-backend-wasm${form}.wasm`, place])));
    const works = await tf.setBackend("wasm").catch(() => false);
    URL.revokeObjectURL(place);
    if (works) return;
  }
  await tf.setBackend("cpu");
}

async function load({ wasm, model, pageSize }) {
  await chooseBackend(wasm);
  const { about, weights } = readModel(model);
  network = new Network(about, weights);
  fit = new ScaleFit(network, pageSize * about.normalizing_factor / about.size);
  const { arrays, ...rest } = about;
  postMessage({ type: "ready", about: rest, backend: tf.getBackend() });
}

/** Return the posterior of a drawing, {mu, presig, unit}; null if the request was cancelled. */
async function posteriorOf(rows, wanted) {
  const key = JSON.stringify(rows);
  if (!posteriors.has(key)) {
    const unit = await fit.unitOf(rows, wanted);
    if (unit === null) return null;
    if (posteriors.size >= MOST_POSTERIORS) posteriors.delete(posteriors.keys().next().value);
    posteriors.set(key, { unit, ...network.encode(scaled(rows, 1 / unit)) });
  }
  return posteriors.get(key);
}

/** The arguments of `decode` for each kind of request; null if the request was cancelled. */
const kinds = {
  async "go on"({ rows, count, seed }, wanted) {
    const unit = rows.length ? await fit.unitOf(rows, wanted) : fit.guess;
    if (unit === null) return null;
    const zs = network.about.conditional ? prior(network, count, seed) : null;
    return { zs, count, unit, given: scaled(rows, 1 / unit) };
  },
  async noise({ rows, count, scale, seed }, wanted) {
    const found = await posteriorOf(rows, wanted);
    return found && { zs: noisy(found, count, scale, seed), unit: found.unit };
  },
  async morph({ rows, other, places }, wanted) {
    const from = await posteriorOf(rows, wanted);
    const to = from && await posteriorOf(other, wanted);
    if (!to) return null;
    const zs = places.map((t) => slerp(from.mu, to.mu, t));
    const unit = Math.sqrt(from.unit * to.unit);
    return { zs, unit, noiseRows: zs.map(() => 0) };
  },
  async plane({ places }) {
    const zs = places.map((place) => atPlane(network.about.plane, place));
    return { zs, unit: fit.guess, noiseRows: zs.map(() => 0) };
  },
};

async function answer(request) {
  const { job, kind } = request;
  const wanted = () => newest === job;
  const say = (type, more) => { if (wanted()) postMessage({ job, type, ...more }); };
  if (kind === "place") {
    const found = await posteriorOf(request.rows, wanted);
    if (found) say("place", { place: onPlane(network.about.plane, found.mu) });
    return;
  }
  const how = await kinds[kind](request, wanted);
  if (!how || !wanted()) return;
  say("unit", { unit: how.unit });
  const draw = (drawn, ended) => say("points", {
    drawn: drawn.map(([panel, row]) => [panel, scaled([row], how.unit)[0]]),
    ended,
  });
  const { temperature, seed, lifts } = request;
  const settings = { ...how, most: network.about.max_seq_len, temperature, seed, lifts };
  if (await decode(network, settings, draw, wanted)) say("done");
}

onmessage = ({ data }) => {
  const fail = (error) => postMessage({
    job: data.job, type: "failed", message: String((error && error.message) || error),
  });
  if (data.type === "load") load(data).catch(fail);
  else {
    newest = data.job;
    if (data.type === "draw") answer(data).catch(fail);
  }
};
