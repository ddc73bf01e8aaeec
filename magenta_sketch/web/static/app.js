// The page: the drawing and its history, requests to the network, messages to the user.

import { modelPiece, svgText } from "./drawing.js";
import { COUNT, makePanels } from "./panels.js";
import { Surface } from "./surface.js";

const at = (id) => document.getElementById(id);
const [undo, clear, download, more] = ["undo", "clear", "download", "more"].map(at);
const temperature = at("temperature");

let settings = null;
let worker = null;
let history = [{ pieces: [], finished: false }]; // for undo; the last entry is shown
let job = 0; // number of the newest request
let chosen = null; // a panel that was clicked before it was complete
let full = false; // whether the drawing is too long for the model to continue

const now = () => history[history.length - 1];
const panels = makePanels(at("panels"), pick);
const surface = new Surface(at("surface"), { begin: cancel, line: addLine });

function say(text) {
  at("status").textContent = text;
}

/** Show a message in the status line, and in place of the panels. */
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

/** Update buttons and labels. */
function tell() {
  const { pieces } = now();
  at("invitation").hidden = pieces.length > 0 || surface.pointer !== null;
  at("surface").setAttribute("aria-label", pieces.length
    ? `A drawing of ${pieces.length} ${pieces.length === 1 ? "piece" : "pieces"}`
    : "An empty sheet");
  undo.disabled = !surface.enabled || history.length < 2;
  clear.disabled = download.disabled = !pieces.length;
  more.disabled = !surface.enabled || full;
  more.textContent = pieces.length ? "More" : "Let it start";
}

function change(pieces, finished = false, fresh = 0) {
  history.push({ pieces, finished });
  surface.show(pieces, fresh);
  react();
}

/** React to a change of the drawing. */
function react() {
  cancel();
  const { pieces, finished } = now();
  tell();
  if (!pieces.length) say("Draw the first line, or let the model start.");
  else if (finished) {
    sayInstead("The model says the drawing is finished.", "You can draw on, or ask for more.");
  } else ask();
}

function addLine(points) {
  if (!points) react(); // the line was cancelled
  else change([...now().pieces, { by: "you", points }]);
}

function ask() {
  cancel();
  job += 1;
  const { pieces } = now();
  panels.forEach((panel) => panel.begin(pieces));
  say("Drawing continuations …");
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
  // If no panel is left to press, move the keyboard's focus.
  if (end && panel.button === document.activeElement) more.focus();
  if (rows.length) change([...pieces, modelPiece(pieces, rows)], end, 1);
  else if (pieces.length) change(pieces, end);
  else react(); // still an empty sheet
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
    // The focused button is about to be disabled: move the keyboard's focus.
    const pressed = [more, ...panels.map(({ button }) => button)].includes(document.activeElement);
    cancel();
    full = true;
    tell();
    if (pressed) undo.focus();
    sayInstead(
      `The model cannot continue: the drawing has ${points} points, and the model draws at most ` +
        `${settings.max_seq_len}.`,
      "Undo, or clear the sheet.",
    );
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
      ? "The model says the drawing is finished. You can draw on, or ask for more."
      : "Click one, draw on yourself, or ask for more.");
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
  // Later, because the browser may not have read it yet.
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

/** Return a name of one lower-case word with a capital letter, any other name as it is. */
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
