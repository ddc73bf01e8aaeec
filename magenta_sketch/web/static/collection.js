// The visitor's collection of drawings, in the browser's own storage.

import { record } from "./output.js";

const KEY = "sketch-rnn-collection";
let known = null; // what is in the storage; null: not read yet

window.addEventListener("storage", () => { known = null; }); // another page has changed it

/** Return the records that were kept; none where the storage cannot be used. */
export function kept() {
  if (known === null) {
    known = [];
    try {
      const found = JSON.parse(localStorage.getItem(KEY) || "[]");
      if (Array.isArray(found)) known = found;
    } catch {
      // The storage is blocked or damaged.
    }
  }
  return known;
}

/** Keep a drawing under a name. Return how many there are; throws where nothing can be stored. */
export function keep(lines, word) {
  const words = crypto.getRandomValues(new Uint32Array(4));
  const key_id = Array.from(words, (one) => one.toString(16).padStart(8, "0")).join("");
  const all = [...kept(), { ...record(lines, word), key_id }];
  localStorage.setItem(KEY, JSON.stringify(all));
  known = all;
  return all.length;
}

/** Delete all drawings. */
export function forget() {
  localStorage.removeItem(KEY);
  known = [];
}

/** Return all drawings as ndjson, for `sketch_rnn_convert data`. */
export function ndjson() {
  return kept().map((one) => `${JSON.stringify(one)}\n`).join("");
}
