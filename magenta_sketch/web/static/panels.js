// Small pictures that are drawn point by point: the six panels, and larger ones.

import { bounds, linesOf, pathData, svgElement } from "./drawing.js";

const SMALLEST = 150; // smallest side of the visible area, in units

export const still = window.matchMedia("(prefers-reduced-motion: reduce)");

/** A picture of some lines in grey, and of others that grow. */
export class View {
  constructor() {
    this.svg = svgElement("svg", { "aria-hidden": "true" });
    this.before = svgElement("path", { class: "before" });
    this.after = svgElement("path", { class: "model" });
    this.svg.append(this.before, this.after);
    this.begin();
  }

  /**
   * Begin with lines, after which rows will be added from a position.
   *
   * @param shown whether what was shown before stays until the next `show`.
   */
  begin(lines = [], from = [0, 0], shown = false) {
    Object.assign(this, { lines, from, rows: [] });
    if (!shown) this.show();
  }

  add(row) {
    this.rows.push(row);
  }

  /** Show the lines, and the rows that were added. */
  show() {
    const drawn = linesOf(this.rows, this.from, !this.lines.length);
    this.before.setAttribute("d", this.lines.map(pathData).join(""));
    this.after.setAttribute("d", drawn.map(pathData).join(""));
    this.#fit([...this.lines, ...drawn]);
  }

  #fit(all) {
    const box = all.length ? bounds(all) : { left: 0, right: 0, top: 0, bottom: 0 };
    const width = Math.max(SMALLEST, (box.right - box.left) * 1.25);
    const height = Math.max(SMALLEST, (box.bottom - box.top) * 1.25);
    const [x, y] = [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
    this.svg.setAttribute("viewBox", `${x - width / 2} ${y - height / 2} ${width} ${height}`);
  }
}

/** A view in a button, with a note below it. */
export class Panel {
  /** @param pick is called with the panel when it is pressed. */
  constructor(pick) {
    this.view = new View();
    this.button = document.createElement("button");
    this.button.type = "button";
    this.button.className = "panel";
    this.button.addEventListener("click", () => pick(this));
    this.note = document.createElement("span");
    this.note.className = "note";
    this.button.append(this.view.svg, this.note);
    this.clear("");
  }

  get rows() {
    return this.view.rows;
  }

  clear(name) {
    this.begin(name, [], [0, 0]);
    this.button.disabled = true;
    this.button.setAttribute("aria-label", `${name}: none yet`);
  }

  /**
   * @param part whether it may be a part of a drawing, so that its end is worth a note.
   * @param shown whether the drawing before stays until the new one is complete.
   */
  begin(name, lines, from, { part = false, shown = false } = {}) {
    Object.assign(this, { name, part, shown, over: null });
    this.view.begin(lines, from, shown);
    this.note.textContent = "";
    this.button.disabled = false;
    this.button.classList.remove("chosen");
    this.button.setAttribute("aria-label", `${name}: being drawn`);
  }

  add(row) {
    this.view.add(row);
    if (!this.shown && !still.matches) this.view.show();
  }

  end(why) {
    this.over = why;
    this.view.show();
    const strokes = linesOf(this.rows, [0, 0], false).length;
    let says = strokes === 1 ? "one stroke" : `${strokes} strokes`;
    if (!strokes) says = this.note.textContent = "nothing to add";
    else if (why === "finished" && this.part) {
      this.note.textContent = "the end";
      says += ", then finished";
    }
    this.button.disabled = !strokes && !this.view.lines.length;
    this.button.setAttribute("aria-label", `${this.name}: ${says}`);
  }
}
