// The sheet: shows the drawing, and reads lines from a mouse, a finger or a pen.

import { allLines, bounds, pathData, pathElement } from "./drawing.js";

const SHORTER_SIDE = 340; // of the sheet, in units: a typical drawing and some margin
const CLOSEST = 0.7; // smallest distance between points of a line

/** @param listen {begin(), line(points)}: called when a line starts and when it is complete. */
export class Surface {
  constructor(svg, listen) {
    this.svg = svg;
    this.listen = listen;
    this.pieces = [];
    this.pointer = null;
    this.enabled = false;
    svg.addEventListener("pointerdown", (event) => this.#down(event));
    svg.addEventListener("pointermove", (event) => this.#move(event));
    svg.addEventListener("pointerup", (event) => this.#up(event));
    svg.addEventListener("pointercancel", (event) => this.#cancel(event));
    new ResizeObserver(() => this.#fit()).observe(svg);
  }

  /** Show the drawing. The lines of the last `fresh` pieces are animated. */
  show(pieces, fresh = 0) {
    this.pieces = pieces;
    const old = allLines(pieces.slice(0, pieces.length - fresh)).length;
    const paths = allLines(pieces).map(({ by, line }, index) => {
      const path = pathElement(line, by);
      if (index >= old) {
        path.classList.add("fresh");
        path.setAttribute("pathLength", "1");
        path.style.animationDelay = `${(index - old) * 300}ms`;
      }
      return path;
    });
    this.svg.replaceChildren(...paths);
    this.#fit();
  }

  #fit() {
    const { clientWidth: width, clientHeight: height } = this.svg;
    if (!width || !height) return;
    let unit = SHORTER_SIDE / Math.min(width, height);
    const lines = allLines(this.pieces).map(({ line }) => line);
    if (lines.length) {
      // Zoom out until the whole drawing is visible.
      const box = bounds(lines);
      const across = 2 * Math.max(box.right, -box.left) + 24;
      const down = 2 * Math.max(box.bottom, -box.top) + 24;
      unit = Math.max(unit, across / width, down / height);
    }
    const [w, h] = [width * unit, height * unit];
    this.svg.setAttribute("viewBox", `${-w / 2} ${-h / 2} ${w} ${h}`);
    this.svg.style.setProperty("--pixel", unit);
  }

  #point(event) {
    const matrix = this.svg.getScreenCTM().inverse();
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix);
    return [x, y];
  }

  #down(event) {
    // One pointer at a time; only the first button of a mouse.
    if (!this.enabled || this.pointer !== null || event.button !== 0) return;
    event.preventDefault();
    this.pointer = event.pointerId;
    this.svg.setPointerCapture(event.pointerId);
    this.line = [this.#point(event)];
    this.path = pathElement(this.line, "you");
    this.svg.append(this.path);
    this.listen.begin();
  }

  #move(event) {
    if (event.pointerId !== this.pointer) return;
    // A pen gives several points per frame.
    const events = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    for (const one of events.length ? events : [event]) this.#add(this.#point(one));
    this.path.setAttribute("d", pathData(this.line));
  }

  #add(point) {
    const [x, y] = this.line[this.line.length - 1];
    if (Math.hypot(point[0] - x, point[1] - y) >= CLOSEST) this.line.push(point);
  }

  #up(event) {
    if (event.pointerId !== this.pointer) return;
    this.#add(this.#point(event));
    this.pointer = null;
    const line = this.line;
    // A tap is a dot; the model gets a line of one unit.
    if (line.length === 1) line.push([line[0][0] + 1, line[0][1]]);
    this.listen.line(line);
  }

  #cancel(event) {
    if (event.pointerId !== this.pointer) return;
    this.pointer = null;
    this.path.remove();
    this.listen.line(null);
  }
}
