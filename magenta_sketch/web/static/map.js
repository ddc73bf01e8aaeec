// The map: a plane of the latent space with small drawings, and a large one under the finger.

import { bounds, linesOf, pathData, svgElement } from "./drawing.js";

const SIDE = 7; // small drawings in a row
const CELL = 100; // units of a small drawing
const ALL = SIDE * CELL;
const LARGE = 2.4; // size of the drawing under the finger, in cells
const STEP = 0.25; // of an arrow key, in cells
const DIRECTIONS = {
  ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
};

const inside = (value) => Math.min(Math.max(value, 0), ALL);

export class LatentMap {
  /** @param listen ask(places): called with places of the plane to draw, [[x, y], ...]; change(). */
  constructor(svg, listen) {
    Object.assign(this, { svg, listen, cells: [], held: null, job: "", shown: null });
    svg.setAttribute("viewBox", `0 0 ${ALL} ${ALL}`);
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
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
      svg.addEventListener(name, (event) => {
        if (event.pointerId !== this.held) return;
        this.held = null;
        this.#rest();
      });
    }
    svg.addEventListener("keydown", (event) => {
      const direction = DIRECTIONS[event.key];
      if (!direction || !this.plane) return;
      event.preventDefault();
      const from = this.at || [ALL / 2, ALL / 2];
      this.#go(from.map((value, i) => value + direction[i] * STEP * CELL));
    });
  }

  /** Begin the map of a plane. `resume` asks for its small drawings. */
  begin(plane) {
    Object.assign(this, { plane, at: null, shown: null, whole: false, job: "", next: false });
    this.marker = svgElement("circle", { class: "mine", r: 7, visibility: "hidden" });
    this.paper = svgElement("rect", { class: "paper", rx: 14, visibility: "hidden" });
    this.here = svgElement("path", { class: "model" });
    this.cells = Array.from({ length: SIDE * SIDE }, () => ({
      path: svgElement("path", { class: "small" }), rows: [],
    }));
    this.svg.replaceChildren(
      ...this.cells.map(({ path }) => path), this.marker, this.paper, this.here);
  }

  /** Forget what was asked for: those requests were cancelled. */
  pause() {
    Object.assign(this, { job: "", next: false, held: null });
  }

  /** Ask for the small drawings, if they are not all there. */
  resume() {
    this.#rest();
    return this.whole;
  }

  #rest() {
    if (this.whole || this.job || this.held !== null) return;
    this.cells.forEach((cell) => { cell.rows = []; });
    this.job = "grid";
    this.listen.ask(this.cells.map((_, i) => this.#placeOf(this.#middle(i))));
  }

  #middle(i) {
    return [((i % SIDE) + 0.5) * CELL, (Math.floor(i / SIDE) + 0.5) * CELL];
  }

  /** The place in the plane of a point of the picture, in which y grows downwards. */
  #placeOf([x, y]) {
    const [x0, x1, y0, y1] = this.plane.limits;
    return [x0 + (x / ALL) * (x1 - x0), y1 - (y / ALL) * (y1 - y0)];
  }

  #pointOf([x, y]) {
    const [x0, x1, y0, y1] = this.plane.limits;
    return [(x - x0) / (x1 - x0), (y1 - y) / (y1 - y0)].map((share) => share * ALL);
  }

  #point(event) {
    const matrix = this.svg.getScreenCTM().inverse();
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix);
    return [x, y];
  }

  /** Draw what is at a point. One request at a time: the newest point follows when it is done. */
  #go(point) {
    this.at = point.map(inside);
    if (this.job === "here") this.next = true;
    else this.#askHere();
  }

  #askHere() {
    Object.assign(this, { job: "here", next: false, rows: [], asked: this.at });
    this.listen.ask([this.#placeOf(this.at)]);
  }

  /** Show where the visitor's drawing is; at the border if it is outside. null: nowhere. */
  mark(place) {
    if (place) {
      const [x, y] = this.#pointOf(place).map(inside);
      this.marker.setAttribute("cx", x);
      this.marker.setAttribute("cy", y);
    }
    this.marker.setAttribute("visibility", place ? "visible" : "hidden");
  }

  add(number, row) {
    (this.job === "grid" ? this.cells[number].rows : this.rows).push(row);
  }

  /** Show a drawing that is complete. */
  end(number) {
    if (this.job === "grid") {
      const { path, rows } = this.cells[number];
      path.setAttribute("d", fitted(rows, this.#middle(number), 0.8 * CELL));
    } else this.#showHere();
  }

  #showHere() {
    const size = LARGE * CELL;
    this.shown = linesOf(this.rows, [0, 0], true);
    const place = this.asked.map((value) => Math.min(Math.max(value, size / 2), ALL - size / 2));
    this.here.setAttribute("d", fitted(this.rows, place, 0.8 * size));
    for (const [name, value] of Object.entries({
      x: place[0] - size / 2, y: place[1] - size / 2, width: size, height: size,
      visibility: "visible",
    })) this.paper.setAttribute(name, value);
    this.listen.change();
  }

  done() {
    const { job } = this;
    this.job = "";
    if (job === "grid") this.whole = true;
    if (this.next) this.#askHere();
    else this.#rest();
  }
}

/** Return the path of rows, as large as a size allows, with its middle at a place. */
function fitted(rows, [x, y], size) {
  const lines = linesOf(rows, [0, 0], true);
  if (!lines.length) return "";
  const box = bounds(lines);
  const [width, height] = [box.right - box.left, box.bottom - box.top];
  const factor = size / Math.max(width, height, 1e-9);
  const [left, top] = [x - factor * (box.left + width / 2), y - factor * (box.top + height / 2)];
  return lines.map(({ points }) => pathData({
    points: points.map((point) => [left + factor * point[0], top + factor * point[1]]),
  })).join("");
}
