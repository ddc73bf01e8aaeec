// The visitor's collection of drawings, in the browser's own storage.

import { record } from "./output.js";

const KEY = "sketch-rnn-collection";

/** Return the records that were kept; none where the storage cannot be used. */
export function kept() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) || "[]");
    return Array.isArray(found) ? found : [];
  } catch {
    return [];
  }
}

/** Keep a drawing under a name. Return how many there are; throws where nothing can be kept. */
export function keep(lines, word) {
  const all = [...kept(), { ...record(lines, word), key_id: crypto.randomUUID() }];
  localStorage.setItem(KEY, JSON.stringify(all));
  return all.length;
}

/** Forget all drawings. */
export function forget() {
  localStorage.removeItem(KEY);
}

/** Return all drawings as ndjson, for `sketch_rnn_convert data`. */
export function ndjson() {
  return kept().map((one) => `${JSON.stringify(one)}\n`).join("");
}
