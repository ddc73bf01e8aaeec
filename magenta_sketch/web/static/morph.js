// The mode "morph": two drawings of the visitor, and frames between them.

import { linesOf } from "./drawing.js";
import { MODES } from "./modes.js";
import { Panel, still, View } from "./panels.js";

const FRAME_MS = 90;

export class Morph {
  /** @param listen take() the frame that is shown; set(): a drawing was set; drawing(): the sheet's. */
  constructor(at, listen) {
    Object.assign(this, { at, drawings: { first: null, second: null }, timer: null });
    this.panel = new Panel(listen.take);
    at("frame").append(this.panel.button);
    this.frames = Array.from({ length: MODES.morph.frames }, () => new Frame());
    this.views = {};
    for (const name of ["first", "second"]) {
      this.views[name] = new View();
      at(name).prepend(this.views[name].svg);
      at(name).addEventListener("click", () => {
        const lines = listen.drawing();
        if (!lines.length) return;
        this.drawings[name] = lines;
        this.views[name].begin(lines);
        listen.set();
      });
    }
    at("position").addEventListener("input", () => this.show());
    at("play").addEventListener("click", () => (this.timer ? this.stop() : this.play()));
  }

  hide(hidden) {
    this.at("morph").hidden = hidden;
    if (hidden) this.stop();
  }

  /** Return the two drawings, {first, second}, made rows by a function; null where there is none. */
  rows(rowsOf) {
    const { first, second } = this.drawings;
    return { first: first && rowsOf(first), second: second && rowsOf(second) };
  }

  forget() {
    this.frames.forEach((frame) => frame.clear());
  }

  begin() {
    this.forget();
    this.panel.clear("Between the two");
  }

  end(i) {
    this.frames[i].over = true;
    if (i === this.#number()) this.show();
  }

  #number() {
    return Math.round(Number(this.at("position").value) * (this.frames.length - 1));
  }

  /** Show the frame at the slider's position. */
  show() {
    const number = this.#number();
    const frame = this.frames[number];
    if (!frame.over) return;
    const percent = Math.round(100 * number / (this.frames.length - 1));
    this.panel.begin(`${percent} % of the way`, [], [0, 0]);
    frame.rows.forEach((row) => this.panel.view.add(row));
    this.panel.end("finished");
  }

  /** Return the lines of the frame that is shown. */
  shown() {
    return linesOf(this.panel.rows, [0, 0], true);
  }

  play() {
    if (!this.frames.every(({ over }) => over)) return;
    const position = this.at("position");
    if (still.matches) { // one jump, no motion
      position.value = Number(position.value) < 1 ? 1 : 0;
      this.show();
      return;
    }
    this.at("play").textContent = "Stop";
    let step = Number(position.value) >= 1 ? -1 : 1;
    this.timer = setInterval(() => {
      const next = this.#number() + step;
      if (next < 0 || next >= this.frames.length) step = -step;
      position.value = (this.#number() + step) / (this.frames.length - 1);
      this.show();
    }, FRAME_MS);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.at("play").textContent = "Play";
  }
}

/** The rows of one frame. */
class Frame {
  constructor() {
    this.clear();
  }

  clear() {
    this.rows = [];
    this.over = false;
  }

  add(row) {
    this.rows.push(row);
  }
}
