// The files of the page, and the worker with the network. Requests get numbers; only answers to the
// newest one count.

import { PAGE_SIZE } from "./drawing.js";

const inside = (name) => document.getElementById(`file:${name}`);

/** Whether this document holds a file. */
export const isInside = (name) => inside(name) !== null;

/** Return the bytes of a file: of this document, where it holds the file, else of its folder. */
export async function readFile(name) {
  if (isInside(name)) return Uint8Array.from(atob(inside(name).textContent), (c) => c.charCodeAt(0)).buffer;
  const response = await fetch(name);
  if (!response.ok) throw new Error(`${name}: ${response.status} ${response.statusText}`);
  return response.arrayBuffer();
}

async function workerPlace() {
  if (!isInside("worker.js")) return "worker.js";
  return URL.createObjectURL(new Blob([await readFile("worker.js")], { type: "text/javascript" }));
}

export class Client {
  /** @param answers functions for the types of answers; failed(message) for errors. */
  constructor(answers) {
    this.answers = answers;
    this.job = 0;
  }

  /** Load a model, in a new worker. Return the header of its file. */
  async load(file) {
    this.cancel();
    if (this.worker) this.worker.terminate();
    const [wasm, model, place] = await Promise.all([
      readFile("network.wasm").catch(() => null), readFile(file), workerPlace()]);
    const worker = new Worker(place);
    this.worker = worker;
    return new Promise((resolve, reject) => {
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message || "worker.js could not be loaded"));
        this.answers.failed(event.message || "worker.js could not be loaded");
      };
      worker.onmessage = ({ data }) => {
        if (worker !== this.worker) return; // of another model
        if (data.type === "ready") resolve(data.about);
        else if (data.type === "failed") reject(new Error(data.message));
        if (data.type === "failed") this.answers.failed(data.message);
        else if (data.job === this.job) this.answers[data.type](data);
      };
      const given = [wasm, model].filter(Boolean);
      worker.postMessage({ type: "load", wasm, model, pageSize: PAGE_SIZE }, given);
    });
  }

  /** Ask for something, see `kinds` in worker.js; earlier requests end. */
  ask(request) {
    this.job += 1;
    this.worker.postMessage({ ...request, type: "draw", job: this.job });
  }

  cancel() {
    this.job += 1;
    if (this.worker) this.worker.postMessage({ type: "cancel", job: this.job });
  }
}
