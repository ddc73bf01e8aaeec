// The map: a plane of the latent space with small drawings, and a large one under the finger.

import { bounds, linesOf, pathData, svgElement } from "./drawing.js";

const SIDE = 7; // small drawings in a row
const CELL = 100; // units of a small drawing
const LARGE = 2.4; // size of the drawing under the finger, in cells
const STEP = 0.25; // of an arrow key, in cells

export class LatentMap {
  /** @param ask called with places to draw: [[x, y], ...], and "grid" or "here". */
  constructor(svg, ask) {
    Object.assign(this, { svg, ask, cells: [], held: null });
    svg.setAttribute("viewBox", `0 0 ${SIDE * CELL} ${SIDE * CELL}`);
    svg.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !this.plane) return;
      event.preventDefault();
      svg.focus();
      this.held = event.pointerId;
      svg.setPointerCapture(event.pointerId);
      this.#go(this.#point(event));
    });
    svg.addEventListener("pointermove", (event) => {
      if (event.pointerId === this.held) this.#go(this.#point(event));
    });
    for (const name of ["pointerup", "pointercancel"]) {
      svg.addEventListener(name, (event) => {
        if (event.pointerId === this.held) this.held = null;
      });
    }
    svg.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
      if (!step[event.key] || !this.plane) return;
      event.preventDefault();
      const [x, y] = this.at || [SIDE / 2 * CELL, SIDE / 2 * CELL];
      const [dx, dy] = step[event.key];
      this.#go([x + dx * STEP * CELL, y + dy * STEP * CELL]);
    });
  }

  /** Begin the map of a plane, and ask for the small drawings; later, where something comes first. */
  begin(plane, later = false) {
    Object.assign(this, { plane, at: null, rows: null, shown: null });
    this.marker = svgElement("circle", { class: "mine", r: 7 });
    this.marker.setAttribute("visibility", "hidden");
    this.paper = svgElement("rect", { class: "paper", rx: 14, visibility: "hidden" });
    this.here = svgElement("path", { class: "model" });
    this.cells = Array.from({ length: SIDE * SIDE }, () => ({
      path: svgElement("path", { class: "small" }), rows: [],
    }));
    this.svg.replaceChildren(
      ...this.cells.map(({ path }) => path), this.marker, this.paper, this.here);
    if (!later) this.askForGrid();
  }

  askForGrid() {
    this.cells.forEach((cell) => { cell.rows = []; });
    this.whole = false;
    this.drawing = "grid";
    this.ask(this.cells.map((_, i) => this.#placeOf(this.#middle(i))), "grid");
  }

  #middle(i) {
    return [((i % SIDE) + 0.5) * CELL, (Math.floor(i / SIDE) + 0.5) * CELL];
  }

  /** The place in the plane of a point of the picture, in which y grows downwards. */
  #placeOf([x, y]) {
    const [x0, x1, y0, y1] = this.plane.limits;
    const share = [x, y].map((value) => value / (SIDE * CELL));
    return [x0 + share[0] * (x1 - x0), y1 - share[1] * (y1 - y0)];
  }

  #pointOf([x, y]) {
    const [x0, x1, y0, y1] = this.plane.limits;
    return [(x - x0) / (x1 - x0), (y1 - y) / (y1 - y0)].map((share) => share * SIDE * CELL);
  }

  #point(event) {
    const matrix = this.svg.getScreenCTM().inverse();
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix);
    return [x, y];
  }

  #go(point) {
    this.at = point.map((value) => Math.min(Math.max(value, 0), SIDE * CELL));
    this.rows = [];
    this.drawing = "here";
    this.ask([this.#placeOf(this.at)], "here");
  }

  /** Show where the visitor's drawing is. */
  mark(place) {
    const [x, y] = this.#pointOf(place);
    this.marker.setAttribute("cx", x);
    this.marker.setAttribute("cy", y);
    this.marker.setAttribute("visibility", "visible");
  }

  add(number, row) {
    (this.drawing === "grid" ? this.cells[number].rows : this.rows).push(row);
  }

  /** Show a drawing that is complete. */
  end(number) {
    if (this.drawing === "grid") {
      const { path, rows } = this.cells[number];
      path.setAttribute("d", fitted(rows, this.#middle(number), 0.8 * CELL));
    } else this.#showHere();
  }

  #showHere() {
    const size = LARGE * CELL;
    // Beside the finger, and inside the picture.
    this.shown = linesOf(this.rows, [0, 0], true);
    const place = this.at.map((value) => Math.min(Math.max(value, size / 2), SIDE * CELL - size / 2));
    this.here.setAttribute("d", fitted(this.rows, place, 0.8 * size));
    for (const [name, value] of Object.entries({
      x: place[0] - size / 2, y: place[1] - size / 2, width: size, height: size,
      visibility: "visible",
    })) this.paper.setAttribute(name, value);
  }

  done() {
    if (this.drawing === "grid") this.whole = true;
    else if (!this.whole && this.held === null) this.askForGrid();
  }
}

/** Return the path of rows, as large as a size allows, with its middle at a place. */
function fitted(rows, [x, y], size) {
  const lines = linesOf(rows, [0, 0], true);
  if (!rows.length) return "";
  const box = bounds(lines);
  const [width, height] = [box.right - box.left, box.bottom - box.top];
  const factor = size / Math.max(width, height, 1e-9);
  const [left, top] = [x - factor * (box.left + width / 2), y - factor * (box.top + height / 2)];
  return lines.map(({ points }) => pathData({
    points: points.map((point) => [left + factor * point[0], top + factor * point[1]]),
  })).join("");
}
