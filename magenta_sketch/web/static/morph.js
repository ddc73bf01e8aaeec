// The mode "morph": two drawings of the visitor, and frames between them.

import { linesOf } from "./drawing.js";
import { MODES } from "./modes.js";
import { Panel, still, View } from "./panels.js";

const FRAME_MS = 90;

export class Morph {
  /**
   * @param at returns the page's element of an id.
   * @param listen take(): the frame that is shown was pressed; set(): a drawing was set; drawing():
   *   the sheet's lines.
   */
  constructor(at, listen) {
    Object.assign(this, { at, drawings: { first: null, second: null }, timer: null, key: "" });
    this.panel = new Panel(listen.take);
    at("frame").append(this.panel.button);
    this.frames = Array.from({ length: MODES.morph.frames }, () => ({ rows: [], over: false }));
    for (const name of ["first", "second"]) {
      const view = new View();
      at(name).prepend(view.svg);
      at(name).addEventListener("click", () => {
        this.drawings[name] = listen.drawing();
        view.begin(this.drawings[name]);
        listen.set();
      });
    }
    at("position").addEventListener("input", () => this.#show());
    at("play").addEventListener("click", () => (this.timer ? this.stop() : this.#play()));
  }

  /** Update the buttons. empty: whether the sheet is empty. */
  tell(hidden, empty) {
    this.at("morph").hidden = hidden;
    if (hidden) this.stop();
    this.at("first").disabled = this.at("second").disabled = empty;
    this.at("play").disabled = !this.whole;
  }

  /** Whether all frames are there. */
  get whole() {
    return this.frames.every(({ over }) => over);
  }

  /** Begin frames; return false if those of this key are there. */
  begin(key) {
    if (key === this.key && this.whole) return false;
    this.key = key;
    this.frames.forEach((frame) => Object.assign(frame, { rows: [], over: false }));
    this.stop();
    this.panel.clear("Between the two");
    return true;
  }

  add(i, row) {
    this.frames[i].rows.push(row);
  }

  end(i) {
    this.frames[i].over = true;
    if (i === this.#number()) this.#show();
  }

  #number() {
    return Math.round(Number(this.at("position").value) * (this.frames.length - 1));
  }

  #show() {
    const number = this.#number();
    const frame = this.frames[number];
    if (!frame.over) return;
    const percent = Math.round((100 * number) / (this.frames.length - 1));
    this.panel.begin(`${percent} % of the way`, [], [0, 0], { shown: true });
    frame.rows.forEach((row) => this.panel.add(row));
    this.panel.end("finished");
  }

  /** Return the lines of the frame that is shown. */
  shown() {
    return linesOf(this.panel.rows, [0, 0], true);
  }

  #play() {
    const position = this.at("position");
    if (still.matches) { // one jump, no motion
      position.value = Number(position.value) < 1 ? 1 : 0;
      this.#show();
      return;
    }
    this.at("play").textContent = "Stop";
    let step = Number(position.value) >= 1 ? -1 : 1;
    this.timer = setInterval(() => {
      const next = this.#number() + step;
      if (next < 0 || next >= this.frames.length) step = -step;
      position.value = (this.#number() + step) / (this.frames.length - 1);
      this.#show();
    }, FRAME_MS);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.at("play").textContent = "Play";
  }
}
