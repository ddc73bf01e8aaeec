// The sheet: shows the drawing, and reads lines from a mouse, a finger or a pen.

import { bounds, pathData, pathElement } from "./drawing.js";

const SHORTER_SIDE = 340; // of the sheet, in units: a typical drawing and some margin
const CLOSEST = 0.7; // smallest distance between points of a line

/** @param listen {begin(), line(points)}: called when a line starts and when it is complete. */
export class Surface {
  constructor(svg, listen) {
    Object.assign(this, { svg, listen, lines: [], pointer: null, enabled: false });
    svg.addEventListener("pointerdown", (event) => this.#down(event));
    svg.addEventListener("pointermove", (event) => this.#move(event));
    svg.addEventListener("pointerup", (event) => this.#up(event));
    svg.addEventListener("pointercancel", (event) => this.#cancel(event));
    new ResizeObserver(() => this.#fit()).observe(svg);
  }

  /** Show the drawing. Its last `fresh` lines are animated. */
  show(lines, fresh = 0) {
    this.lines = lines;
    const old = lines.length - fresh;
    this.svg.replaceChildren(...lines.map((line, index) => {
      const path = pathElement(line);
      if (index >= old) {
        path.classList.add("fresh");
        path.setAttribute("pathLength", "1");
        path.style.animationDelay = `${(index - old) * 300}ms`;
      }
      return path;
    }));
    this.#fit();
  }

  #fit() {
    const { clientWidth: width, clientHeight: height } = this.svg;
    if (!width || !height) return;
    let unit = SHORTER_SIDE / Math.min(width, height);
    if (this.lines.length) {
      // Zoom out until the whole drawing is visible.
      const box = bounds(this.lines);
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
    this.line = { by: "you", points: [this.#point(event)] };
    this.path = pathElement(this.line);
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
    const { points } = this.line;
    const [x, y] = points[points.length - 1];
    if (Math.hypot(point[0] - x, point[1] - y) >= CLOSEST) points.push(point);
  }

  #up(event) {
    if (event.pointerId !== this.pointer) return;
    this.#add(this.#point(event));
    this.pointer = null;
    const { points } = this.line;
    // A tap is a dot; the model gets a line of one unit.
    if (points.length === 1) points.push([points[0][0] + 1, points[0][1]]);
    this.listen.line(points);
  }

  #cancel(event) {
    if (event.pointerId !== this.pointer) return;
    this.pointer = null;
    this.path.remove();
    this.listen.line(null);
  }
}
