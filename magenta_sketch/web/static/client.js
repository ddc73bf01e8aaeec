// The files of the page, and the worker with the network.
//
// Requests get numbers, and only answers to the newest one count.

import { PAGE_SIZE } from "./drawing.js";

const inside = (name) => document.getElementById(`file:${name}`);
const read = new Map(); // name -> a promise of the file, so that models can be changed offline

/** Whether this document holds a file. */
export const isInside = (name) => inside(name) !== null;

/** Return a file as a Blob: of this document, where it holds the file, else of its folder. */
export function readFile(name) {
  if (!read.has(name)) {
    read.set(name, isInside(name) ? decoded(name) : fetched(name));
    read.get(name).catch(() => read.delete(name)); // try again next time
  }
  return read.get(name);
}

async function decoded(name) {
  const text = atob(inside(name).textContent);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return new Blob([bytes]);
}

async function fetched(name) {
  const response = await fetch(name).catch(() => {
    throw new Error(window.location.protocol === "file:"
      ? "a page in a folder must come from a web server; a page of one file also opens by double click"
      : `${name} could not be loaded`);
  });
  if (!response.ok) throw new Error(`${name}: ${response.status} ${response.statusText}`);
  return response.blob();
}

/** Start a worker, from a file of the page. */
async function startWorker() {
  const script = new Blob([await readFile("worker.js")], { type: "text/javascript" });
  const place = URL.createObjectURL(script);
  return { worker: new Worker(place), place };
}

export class Client {
  /**
   * @param answers functions for the types of answers, see worker.js; failed(message, isRequest):
   *   for errors, of a request or of the network as a whole.
   */
  constructor(answers) {
    Object.assign(this, { answers, job: 0, loads: 0, busy: false, worker: null });
  }

  /**
   * Load a model, in a new worker. The model before stays until this one is ready.
   *
   * @return {about, backend}: the header of its file, and what computes it; null where another
   *   model was asked for in the meantime.
   */
  async load(file) {
    this.cancel();
    this.loads += 1;
    const load = this.loads;
    const [wasm, model] = await Promise.all([
      readFile("network.wasm").then((blob) => blob.arrayBuffer(), () => null),
      readFile(file).then((blob) => blob.arrayBuffer())]);
    const { worker, place } = await startWorker();
    try {
      const found = await new Promise((resolve, reject) => {
        worker.onerror = (event) => {
          event.preventDefault();
          reject(new Error(event.message || "worker.js could not be started"));
        };
        worker.onmessage = ({ data }) => (data.type === "ready" ? resolve(data)
          : reject(new Error(data.message)));
        const given = [wasm, model].filter(Boolean);
        worker.postMessage({ type: "load", wasm, model, pageSize: PAGE_SIZE }, given);
      });
      if (load !== this.loads) {
        worker.terminate();
        return null;
      }
      if (this.worker) this.worker.terminate();
      this.#use(worker);
      return found;
    } catch (error) {
      worker.terminate();
      if (load !== this.loads) return null;
      throw error;
    } finally {
      URL.revokeObjectURL(place);
    }
  }

  #use(worker) {
    this.worker = worker;
    this.busy = false;
    worker.onerror = (event) => {
      event.preventDefault();
      this.answers.failed(event.message, false);
    };
    worker.onmessage = ({ data }) => {
      if (worker !== this.worker || data.job !== this.job) return; // of another model or request
      if (["done", "place", "failed"].includes(data.type)) this.busy = false;
      if (data.type === "failed") this.answers.failed(data.message, true);
      else this.answers[data.type](data);
    };
  }

  /** Ask for something, see `kinds` in worker.js; earlier requests end. */
  ask(request) {
    this.job += 1;
    this.busy = true;
    this.worker.postMessage({ ...request, type: "draw", job: this.job });
  }

  cancel() {
    this.job += 1;
    this.busy = false;
    if (this.worker) this.worker.postMessage({ type: "cancel", job: this.job });
  }
}
