// For tests: the page's network on a page of its own, as the global `sketch`.

import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";

import * as decoding from "./decoding.js";
import * as latent from "./latent.js";
import * as network from "./network.js";
import * as output from "./output.js";
import * as randomness from "./randomness.js";
import { readModel } from "./weights.js";

async function load(file, backend) {
  setWasmPaths(Object.fromEntries(["", "-simd", "-threaded-simd"].map(
    (form) => [`tfjs-backend-wasm${form}.wasm`, "network.wasm"])));
  if (!await tf.setBackend(backend)) throw new Error(`there is no ${backend}`);
  const { about, weights } = readModel(await (await fetch(file, { cache: "no-store" })).arrayBuffer());
  return new network.Network(about, weights);
}

globalThis.sketch = { tf, load, readModel, ...decoding, ...latent, ...network, ...output, ...randomness };
