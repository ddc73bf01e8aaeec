// The page: the drawing and its history, the requests to the network, what is said to the user.

import { modelPiece, svgText } from "./drawing.js";
import { COUNT, makePanels } from "./panels.js";
import { Surface } from "./surface.js";

const at = (id) => document.getElementById(id);
const [undo, clear, download, more] = ["undo", "clear", "download", "more"].map(at);
const temperature = at("temperature");

let settings = null;
let worker = null;
let history = [{ pieces: [], finished: false }]; // what undo goes back through; the last is shown
let job = 0; // number of the newest request
let chosen = null; // a panel that was picked before it was done
let full = false; // whether the drawing is too long for the model to go on

const now = () => history[history.length - 1];
const panels = makePanels(at("panels"), pick);
const surface = new Surface(at("surface"), { begin: cancel, line: addLine });

function say(text) {
  at("status").textContent = text;
}

/** Says in the panels' place, too, why there are none. */
function sayInstead(reason, advice) {
  say(`${reason} ${advice}`);
  const [first, second] = at("instead").children;
  first.textContent = reason;
  second.textContent = advice;
  at("instead").hidden = false;
}

function fail(message) {
  cancel();
  surface.enabled = false;
  document.body.dataset.state = "failed";
  at("status").classList.add("failed");
  say(`This page cannot draw: ${message}. Reload it to try again.`);
  tell();
}

/** Makes the page show what is so. */
function tell() {
  const { pieces } = now();
  at("invitation").hidden = pieces.length > 0 || surface.pointer !== null;
  at("surface").setAttribute("aria-label", pieces.length
    ? `A drawing of ${pieces.length} ${pieces.length === 1 ? "piece" : "pieces"}`
    : "An empty sheet");
  undo.disabled = !surface.enabled || history.length < 2;
  clear.disabled = download.disabled = !pieces.length;
  more.disabled = !surface.enabled || full;
  more.textContent = pieces.length ? "More" : "Let it begin";
}

function change(pieces, finished = false, fresh = 0) {
  history.push({ pieces, finished });
  surface.show(pieces, fresh);
  react();
}

/** After the drawing has become another one. */
function react() {
  cancel();
  const { pieces, finished } = now();
  tell();
  if (!pieces.length) say("Draw the first line, or let the model begin.");
  else if (finished) {
    sayInstead("The model says it is finished.",
      "Draw on if you see it otherwise, or ask for more.");
  } else ask();
}

function addLine(points) {
  if (!points) react(); // it was broken off
  else change([...now().pieces, { by: "you", points }]);
}

function ask() {
  cancel();
  job += 1;
  const { pieces } = now();
  panels.forEach((panel) => panel.begin(pieces));
  say("Thinking of ways to go on …");
  worker.postMessage({
    type: "continue",
    job,
    pieces,
    panels: COUNT,
    temperature: Number(temperature.value),
    lifts: Number(document.querySelector("input[name=amount]:checked").value),
  });
}

function cancel() {
  if (worker) worker.postMessage({ type: "cancel" });
  job += 1;
  chosen = null;
  full = false;
  at("instead").hidden = true;
  panels.forEach((panel) => panel.clear());
  tell();
}

function pick(panel) {
  if (panel.over) {
    take(panel);
    return;
  }
  panels.forEach((other) => other.button.classList.toggle("chosen", other === panel));
  chosen = panel;
  worker.postMessage({ type: "only", job, panel: panel.number });
}

function take(panel) {
  const { rows, over } = panel;
  const { pieces } = now();
  const end = over === "finished";
  // Where no panel is left to press, the keyboard goes on from here.
  if (end && panel.button === document.activeElement) more.focus();
  if (rows.length) change([...pieces, modelPiece(pieces, rows)], end, 1);
  else if (pieces.length) change(pieces, end);
  else react(); // nothing, added to nothing
}

const answers = {
  ready() {
    surface.enabled = true;
    document.body.dataset.state = "ready";
    react();
  },
  failed({ message }) {
    fail(message);
  },
  begun({ points, room }) {
    if (room > 0) return;
    // What was pressed last is about to be out of reach, for the keyboard too.
    const pressed = [more, ...panels.map(({ button }) => button)].includes(document.activeElement);
    cancel();
    full = true;
    tell();
    if (pressed) undo.focus();
    // The model's own points end where the room does; only the user's lines go beyond.
    const length = room < 0
      ? `has ${points} points, longer than any it knows (${settings.max_seq_len} at most)`
      : `is as long as the longest it knows (${points} points)`;
    sayInstead(`The model cannot go on: the drawing ${length}.`, "Undo a step, or clear the sheet.");
  },
  point({ panel, row }) {
    panels[panel].point(row);
  },
  ended({ panel, why }) {
    panels[panel].end(why);
    if (chosen === panels[panel]) take(panels[panel]);
  },
  done() {
    const empty = panels.every(({ over, rows }) => over === "finished" && !rows.length);
    say(empty
      ? "The model says it is finished. Draw on if you see it otherwise, or ask for more."
      : "Pick one, draw on yourself, or ask for more.");
  },
};

function stepBack() {
  if (undo.disabled || surface.pointer !== null) return;
  history.pop();
  surface.show(now().pieces);
  react();
}

function save() {
  const text = svgText(now().pieces, settings.name);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
  link.download = `${settings.name.replace(/[^\p{L}\p{N}_-]+/gu, "-") || "drawing"}.svg`;
  link.click();
  // Not at once: a browser may read it a little later.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function listen() {
  undo.addEventListener("click", stepBack);
  clear.addEventListener("click", () => change([]));
  download.addEventListener("click", save);
  more.addEventListener("click", ask);
  const again = () => {
    if (panels.some(({ button }) => !button.disabled)) ask();
  };
  temperature.addEventListener("input", () => {
    at("degrees").value = Number(temperature.value).toFixed(2);
  });
  temperature.addEventListener("change", again);
  document.querySelectorAll("input[name=amount]").forEach((input) => {
    input.addEventListener("change", again);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "z" && (event.ctrlKey || event.metaKey) && !event.shiftKey) {
      event.preventDefault();
      stepBack();
    }
  });
  window.addEventListener("error", ({ message }) => fail(message));
  window.addEventListener("unhandledrejection", ({ reason }) => fail(String(reason)));
}

/** A class's name, one word of small letters, begins with a capital; others are as given. */
function heading(name) {
  return /^\p{Ll}+$/u.test(name) ? name[0].toUpperCase() + name.slice(1) : name;
}

async function start() {
  listen();
  surface.show([]);
  tell();
  const response = await fetch("settings.json");
  if (!response.ok) throw new Error(`settings.json: ${response.status} ${response.statusText}`);
  settings = await response.json();
  document.title = at("title").title = settings.name;
  at("title").textContent = heading(settings.name);
  worker = new Worker("worker.js");
  worker.onmessage = ({ data }) => {
    if (data.job === undefined || data.job === job) answers[data.type](data);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    fail(event.message || "worker.js could not be loaded");
  };
  worker.postMessage({ type: "load", settings });
}

start().catch((error) => fail(error.message));
