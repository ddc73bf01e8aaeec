// A drawing as SVG, PNG, GIF, stroke-3 JSON, and as a link.

import { GIFEncoder, applyPalette, quantize } from "gifenc";

import { bounds, pathData, pathElement, rowsOf, simplified, svgElement } from "./drawing.js";

const INKS = { you: "#1f2126", model: "#c23b14" };
const PAPER = "#ffffff";
const WIDTH = 2.5; // of a line, in units, ...
const THINNEST = 1 / 250; // ... but not thinner than this share of the picture
const MARGIN = 8;
const LARGEST = 1024; // side of a PNG, in pixels
const LARGEST_GIF = 400;
const [FRAMES, FRAME_MS, PAUSE_MS] = [48, 40, 1500];

function boxOf(lines) {
  const box = bounds(lines);
  const [left, top] = [box.left - MARGIN, box.top - MARGIN];
  const [width, height] = [box.right + MARGIN - left, box.bottom + MARGIN - top];
  return { left, top, width, height, line: Math.max(WIDTH, THINNEST * Math.max(width, height)) };
}

/** Return the text of an SVG file, with one path per line. */
export function svgText(lines, title) {
  const { left, top, width, height, line: thickness } = boxOf(lines);
  const svg = svgElement("svg", {
    viewBox: [left, top, width, height].map((x) => x.toFixed(2)).join(" "),
    width: (2 * width).toFixed(2),
    height: (2 * height).toFixed(2),
    fill: "none",
    "stroke-width": thickness.toFixed(2),
    "stroke-linecap": "round",
    "stroke-linejoin": "round",
  });
  const name = svgElement("title");
  name.textContent = title;
  svg.append(name, ...lines.map((line) => {
    const path = pathElement(line);
    path.setAttribute("stroke", INKS[line.by]);
    return path;
  }));
  return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(svg)}\n`;
}

function canvasOf(lines, largest) {
  const { left, top, width, height, line } = boxOf(lines);
  const factor = largest / Math.max(width, height);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height].map((side) => Math.max(1, Math.round(side * factor)));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.setTransform(factor, 0, 0, factor, -left * factor, -top * factor);
  Object.assign(context, { lineWidth: line, lineCap: "round", lineJoin: "round" });
  return { canvas, context, box: [left, top, width, height] };
}

function paint({ context, box }, lines) {
  context.fillStyle = PAPER;
  context.fillRect(...box);
  for (const line of lines) {
    context.strokeStyle = context.fillStyle = INKS[line.by];
    const [[x, y], ...others] = line.points;
    if (others.some((point) => point[0] !== x || point[1] !== y)) {
      context.stroke(new Path2D(pathData(line)));
    } else { // a canvas draws nothing for a line of no length
      context.beginPath();
      context.arc(x, y, context.lineWidth / 2, 0, 2 * Math.PI);
      context.fill();
    }
  }
}

/** Return a PNG file as a Blob. */
export function png(lines) {
  const made = canvasOf(lines, LARGEST);
  paint(made, lines);
  return new Promise((resolve) => { made.canvas.toBlob(resolve, "image/png"); });
}

/** Return a GIF file as bytes: the drawing stroke by stroke, then a pause. */
export function gif(lines) {
  const made = canvasOf(lines, LARGEST_GIF);
  const { width, height } = made.canvas;
  const encoder = GIFEncoder();
  const total = lines.reduce((sum, { points }) => sum + points.length, 0);
  const frames = Math.min(FRAMES, total);
  paint(made, lines);
  const palette = quantize(made.context.getImageData(0, 0, width, height).data, 16);
  for (let frame = 1; frame <= frames; frame++) {
    paint(made, firstPoints(lines, Math.ceil((total * frame) / frames)));
    const { data } = made.context.getImageData(0, 0, width, height);
    const delay = frame < frames ? FRAME_MS : PAUSE_MS;
    encoder.writeFrame(applyPalette(data, palette), width, height, { palette, delay });
  }
  encoder.finish();
  return encoder.bytes();
}

function firstPoints(lines, count) {
  const shown = [];
  for (const line of lines) {
    if (count <= 0) break;
    shown.push({ ...line, points: line.points.slice(0, count) });
    count -= line.points.length;
  }
  return shown;
}

/** Return a record that `sketch_rnn_convert data` reads: a stroke-3 drawing [[dx, dy, lift], ...]. */
export function record(lines, word) {
  const stroke3 = rowsOf(lines).map(([dx, dy, , lift]) => [round(dx), round(dy), lift]);
  return { word, stroke3 };
}

const round = (x) => Math.round(x * 100) / 100;

// A link: each line is "y" (you) or "m" (the model) and its offsets in halves of a unit, as numbers
// of base 64 with a continuation bit, signs last.
const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const HALF = 2;

/** Return a drawing, and the name of its model, as text for the fragment of an address. */
export function toLink(lines, model) {
  return `${toFragment(lines)}&model=${encodeURIComponent(model)}`;
}

/** Return {lines, model} of a fragment: null for lines that cannot be read, "" for no model. */
export function fromLink(text) {
  const [drawing, ...more] = text.split("&");
  return { lines: fromFragment(drawing), model: new URLSearchParams(more.join("&")).get("model") || "" };
}

function toFragment(lines) {
  let pen = [0, 0];
  return lines.map(({ by, points }) => by[0] + simplified(points, 1 / HALF).map((point) => {
    const here = point.map((x) => Math.round(x * HALF));
    const text = here.map((x, i) => number(x - pen[i])).join("");
    pen = here;
    return text;
  }).join("")).join(".");
}

function number(value) {
  let rest = value < 0 ? 2 * -value - 1 : 2 * value;
  let text = "";
  do {
    text += DIGITS[(rest & 31) | (rest > 31 ? 32 : 0)];
    rest >>>= 5;
  } while (rest);
  return text;
}

/** Return the drawing of a fragment; null where it is none. */
function fromFragment(text) {
  const lines = [];
  const pen = [0, 0];
  for (const part of text.split(".")) {
    const by = { y: "you", m: "model" }[part[0]];
    const values = numbers(part.slice(1));
    if (!by || !values || !values.length || values.length % 2) return null;
    const points = [];
    for (let i = 0; i < values.length; i += 2) {
      pen[0] += values[i];
      pen[1] += values[i + 1];
      if (Math.max(...pen.map(Math.abs)) > 1e5) return null;
      points.push([pen[0] / HALF, pen[1] / HALF]);
    }
    lines.push({ by, points });
  }
  return lines;
}

function numbers(text) {
  const found = [];
  let [value, shift] = [0, 0];
  for (const one of text) {
    const digit = DIGITS.indexOf(one);
    if (digit < 0 || shift > 25) return null;
    value += (digit & 31) * 2 ** shift;
    shift += 5;
    if (digit < 32) {
      found.push(value % 2 ? -(value + 1) / 2 : value / 2);
      [value, shift] = [0, 0];
    }
  }
  return shift ? null : found;
}

/** Offer bytes or text to the visitor as a file. */
export function offer(content, type, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  link.download = name;
  link.click();
  // Later, because the browser may not have read it yet.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
