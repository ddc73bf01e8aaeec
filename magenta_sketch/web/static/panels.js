// The small panels: each shows the drawing and one continuation.

import { allLines, bounds, modelLines, pathData, penAt } from "./drawing.js";

export const COUNT = 6;
const SMALLEST = 150; // smallest side of the visible area, in units

const still = window.matchMedia("(prefers-reduced-motion: reduce)");

function svgElement(name) {
  return document.createElementNS("http://www.w3.org/2000/svg", name);
}

class Panel {
  constructor(number, pick) {
    this.number = number;
    this.button = document.createElement("button");
    this.button.type = "button";
    this.button.className = "panel";
    this.button.addEventListener("click", () => pick(this));
    this.svg = svgElement("svg");
    this.svg.setAttribute("aria-hidden", "true");
    this.before = svgElement("path");
    this.after = svgElement("path");
    this.before.classList.add("before");
    this.after.classList.add("model");
    this.svg.append(this.before, this.after);
    this.note = document.createElement("span");
    this.note.className = "note";
    this.button.append(this.svg, this.note);
    this.clear();
  }

  clear() {
    this.begin([]);
    this.button.disabled = true;
    this.button.setAttribute("aria-label", `Continuation ${this.number + 1}: none yet`);
  }

  begin(pieces) {
    this.pieces = pieces;
    this.rows = [];
    this.over = null;
    this.lines = allLines(pieces).map(({ line }) => line);
    this.before.setAttribute("d", this.lines.map(pathData).join(""));
    this.after.setAttribute("d", "");
    this.note.textContent = "";
    this.button.disabled = false;
    this.button.classList.remove("chosen");
    this.button.setAttribute("aria-label", `Continuation ${this.number + 1}: being drawn`);
    this.#fit([]);
  }

  point(row) {
    this.rows.push(row);
    if (!still.matches) this.#show();
  }

  end(why) {
    this.over = why;
    this.#show();
    const strokes = modelLines([0, 0], this.rows, false).length;
    let says = strokes === 1 ? "one stroke" : `${strokes} strokes`;
    if (!strokes) says = this.note.textContent = "nothing to add";
    else if (why === "finished") {
      this.note.textContent = "the end";
      says += ", then finished";
    }
    this.button.disabled = !strokes && !this.pieces.length;
    this.button.setAttribute("aria-label", `Continuation ${this.number + 1}: ${says}`);
  }

  #show() {
    const after = modelLines(penAt(this.pieces), this.rows, !this.pieces.length);
    this.after.setAttribute("d", after.map(pathData).join(""));
    this.#fit(after);
  }

  #fit(after) {
    const lines = [...this.lines, ...after];
    const box = lines.length ? bounds(lines) : { left: 0, right: 0, top: 0, bottom: 0 };
    const width = Math.max(SMALLEST, (box.right - box.left) * 1.25);
    const height = Math.max(SMALLEST, (box.bottom - box.top) * 1.25);
    const [x, y] = [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
    this.svg.setAttribute("viewBox", `${x - width / 2} ${y - height / 2} ${width} ${height}`);
  }
}

/** Put the panels into their list. @param pick is called with the panel that was clicked. */
export function makePanels(list, pick) {
  const panels = Array.from({ length: COUNT }, (_, number) => new Panel(number, pick));
  list.replaceChildren(...panels.map((panel) => {
    const item = document.createElement("li");
    item.append(panel.button);
    return item;
  }));
  return panels;
}
