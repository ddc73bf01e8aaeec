// The page: the drawing and its history, the modes, and what the visitor is told.

import { Client, isInside, readFile } from "./client.js";
import { forget, keep, kept, ndjson } from "./collection.js";
import { centred, linesOf, PAGE_SIZE, penAt, rowsOf } from "./drawing.js";
import { LatentMap } from "./map.js";
import { COUNT, MODES } from "./modes.js";
import { Morph } from "./morph.js";
import { fromFragment, gif, offer, png, record, svgText, toFragment } from "./output.js";
import { Panel } from "./panels.js";
import { Surface } from "./surface.js";

const at = (id) => document.getElementById(id);
const number = (id) => Number(at(id).value);

let models = []; // of settings.json
let about = null; // header of the model's file
let mode = "go on";
let seed = 0; // of the next drawings
let history = [{ lines: [], finished: false }];
let place = 0; // in the history, of what is shown
let chosen = null; // a panel that was pressed before it was complete
let full = false; // whether the drawing is too long for the model to continue
let ready = false;

const now = () => history[place];
/** Return lines as rows for the model that is loaded. */
const rowsFor = (lines) => rowsOf(lines, (PAGE_SIZE * about.longest) / about.size);
const surface = new Surface(at("surface"), { begin: cancel, line: addLine });
const panels = Array.from({ length: COUNT }, () => new Panel(pick));
const morph = new Morph(at, { take: () => take(morph.shown()), set: react, drawing: () => now().lines });
const map = new LatentMap(at("map"), askMap);
const client = new Client({
  failed: ({ message }) => fail(message),
  unit: measured,
  points: grow,
  place: (data) => {
    map.mark(data.place);
    map.askForGrid();
  },
  done: finish,
});

// ------------------------------------------------------------------------------- what is said

function say(text) {
  at("status").textContent = text;
}

/** Show a message in the status line, and in place of the drawings of the model. */
function sayInstead(reason, advice = "") {
  say(`${reason} ${advice}`.trim());
  const [first, second] = at("instead").children;
  [first.textContent, second.textContent] = [reason, advice];
  at("instead").hidden = false;
}

function fail(message) {
  cancel();
  ready = surface.enabled = false;
  document.body.dataset.state = "failed";
  at("status").classList.add("failed");
  say(`This page cannot draw: ${message}. Reload it to try again.`);
  tell();
}

/** Update buttons and labels. */
function tell() {
  const { lines } = now();
  at("invitation").hidden = lines.length > 0 || surface.pointer !== null;
  at("surface").setAttribute("aria-label", lines.length
    ? `A drawing of ${lines.length} ${lines.length === 1 ? "line" : "lines"}` : "An empty sheet");
  at("undo").disabled = !ready || place === 0;
  at("redo").disabled = !ready || place === history.length - 1;
  at("clear").disabled = at("keep").disabled = !ready || !lines.length;
  document.querySelectorAll("[data-save]").forEach((one) => {
    one.disabled = !ready || !lines.length;
  });
  const count = kept().length;
  at("export").textContent = `Export those kept (${count})`;
  at("export").disabled = at("forget").disabled = !count;
  at("more").disabled = !ready || full || Boolean(reasonNot()) || (mode === "map" && !map.shown);
  const others = mode === "map" ? "Put it on the sheet" : "Others";
  at("more").textContent = mode !== "go on" ? others : lines.length ? "More" : "Let it start";
}

/** Return why the mode cannot draw anything now: {reason, advice}; null where it can. */
function reasonNot() {
  if (!about) return null;
  const reason = MODES[mode].missing(about);
  if (reason) return { reason, advice: "Choose another mode, or another model." };
  const advice = MODES[mode].needs({ rows: rowsFor(now().lines), ...morph.rows(rowsFor) });
  return advice && { reason: advice, advice: "" };
}

// ---------------------------------------------------------------------------------- the drawing

function change(lines, { finished = false, fresh = 0 } = {}) {
  history = [...history.slice(0, place + 1), { lines, finished }];
  place += 1;
  surface.show(lines, fresh);
  react();
}

function addLine(points) {
  if (!points) react(); // the line was cancelled
  else change([...now().lines, { by: "you", points }]);
}

function step(by) {
  if (!ready || surface.pointer !== null || !history[place + by]) return;
  place += by;
  surface.show(now().lines);
  react();
}

/** Put lines of the model on the sheet, in place of what is there. */
function take(lines) {
  if (lines.length) change(centred(lines), { fresh: lines.length });
}

function pick(panel) {
  if (panel.over) {
    pressed(panel);
    return;
  }
  panels.forEach((other) => other.button.classList.toggle("chosen", other === panel));
  chosen = panel;
}

function pressed(panel) {
  const { lines } = now();
  const rows = panel.rows.map((row) => [...row]);
  if (mode !== "go on") {
    take(linesOf(rows, [0, 0], true));
    return;
  }
  const finished = panel.over === "finished";
  // If no panel is left to press, move the keyboard's focus.
  if (finished && panel.button === document.activeElement) at("more").focus();
  let more = linesOf(rows, penAt(lines), !lines.length);
  if (!lines.length) more = centred(more);
  if (more.length) change([...lines, ...more], { finished, fresh: more.length });
  else if (lines.length) change(lines, { finished });
  else react(); // still an empty sheet
}

// -------------------------------------------------------------------------------- the network

/** React to a change of the drawing, the mode or a control. */
function react() {
  cancel();
  if (!ready) return;
  at("panels").hidden = !MODES[mode].panels;
  const not = reasonNot();
  morph.hide(mode !== "morph" || Boolean(about && MODES.morph.missing(about)));
  at("map").toggleAttribute("hidden", mode !== "map" || Boolean(not));
  tell();
  if (not) {
    if (mode === "morph" && !MODES.morph.missing(about)) say(not.reason);
    else sayInstead(not.reason, not.advice);
  } else if (mode === "go on" && !now().lines.length) say("Draw the first line, or let the model start.");
  else if (mode === "go on" && now().finished) {
    sayInstead("The model says the drawing is finished.", "You can draw on, or ask for more.");
  } else ask();
}

function ask() {
  cancel();
  tell();
  const { lines } = now();
  const rows = rowsFor(lines);
  if (mode === "map") {
    say("Drawing the map …");
    map.begin(about.plane, Boolean(rows.length));
    if (rows.length) client.ask({ kind: "place", rows });
    return;
  }
  say("Drawing …");
  const before = mode === "go on" ? lines : [];
  panels.forEach((panel, i) => {
    panel.begin(`${MODES[mode].panels} ${i + 1}`, before, penAt(before), mode === "go on");
  });
  morph.begin();
  client.ask(MODES[mode].request({
    rows,
    ...morph.rows(rowsFor),
    seed,
    temperature: number("temperature"),
    scale: number("scale"),
    lifts: Number(document.querySelector("input[name=amount]:checked").value),
  }));
}

function askMap(places) {
  client.ask({ kind: "plane", places, temperature: number("temperature"), seed });
}

function cancel() {
  client.cancel();
  chosen = null;
  full = false;
  at("instead").hidden = true;
  panels.forEach((panel, i) => panel.clear(`${MODES[mode].panels || "Drawing"} ${i + 1}`));
  tell();
}

function measured({ points, most }) {
  if (mode !== "go on" || points < most) return;
  // The focused button is about to be disabled: move the keyboard's focus.
  const focused = [at("more"), ...panels.map(({ button }) => button)].includes(document.activeElement);
  cancel();
  full = true;
  tell();
  if (focused) at("undo").focus();
  sayInstead(
    `The model cannot continue: the drawing has ${points} points, and the model draws at most ${most}.`,
    "Undo, or clear the sheet.",
  );
}

function grow({ drawn, ended }) {
  for (const [i, row] of drawn) {
    if (mode === "map") map.add(i, row);
    else (mode === "morph" ? morph.frames : panels)[i].add(row);
  }
  for (const [i, why] of ended) {
    if (mode === "map") map.end(i);
    else if (mode === "morph") morph.end(i);
    else {
      panels[i].end(why);
      if (chosen === panels[i]) pressed(panels[i]);
    }
  }
}

function finish() {
  if (mode === "map") {
    map.done();
    say("Drag over the map, or use the arrow keys.");
    tell();
    return;
  }
  if (mode === "morph") say("Move the slider, or press Play.");
  else if (mode !== "go on") say("Click one to put it on the sheet.");
  else {
    const empty = panels.every(({ over, rows }) => over === "finished" && !rows.length);
    say(empty ? "The model says the drawing is finished. You can draw on, or ask for more."
      : "Click one, draw on yourself, or ask for more.");
  }
}

// ---------------------------------------------------------------------------------- the page

function showMode(name) {
  mode = name;
  at("sentence").textContent = MODES[name].sentence;
  at("mode").dataset.mode = name;
  document.querySelectorAll("[role=tab]").forEach((tab) => {
    tab.setAttribute("aria-selected", tab.dataset.mode === name);
    tab.tabIndex = tab.dataset.mode === name ? 0 : -1;
  });
  document.querySelectorAll("[data-for]").forEach((one) => { one.hidden = one.dataset.for !== name; });
  react();
}

function makeModes() {
  at("modes").replaceChildren(...Object.entries(MODES).map(([name, { label }]) => {
    const tab = document.createElement("button");
    Object.assign(tab, { type: "button", textContent: label });
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", "mode");
    tab.dataset.mode = name;
    tab.addEventListener("click", () => showMode(name));
    return tab;
  }));
  at("modes").addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const names = Object.keys(MODES);
    showMode(names[(names.indexOf(mode) + by + names.length) % names.length]);
    document.querySelector("[role=tab][aria-selected=true]").focus();
  });
}

const fileName = (ending) => `${about.name.replace(/[^\p{L}\p{N}_-]+/gu, "-") || "drawing"}.${ending}`;

const savers = {
  svg: (lines) => offer(svgText(lines, about.name), "image/svg+xml", fileName("svg")),
  png: async (lines) => offer(await png(lines), "image/png", fileName("png")),
  gif: (lines) => offer(gif(lines), "image/gif", fileName("gif")),
  json: (lines) => offer(`${JSON.stringify([record(lines, about.name)])}\n`, "application/json",
    fileName("json")),
  async link(lines) {
    window.history.replaceState(null, "", `#${toFragment(lines)}`);
    const copied = await navigator.clipboard?.writeText(window.location.href)
      .then(() => true, () => false);
    say(copied ? "The link is copied: it holds the drawing."
      : "The page's address now holds the drawing: copy it from there.");
  },
};

function listen() {
  at("undo").addEventListener("click", () => step(-1));
  at("redo").addEventListener("click", () => step(1));
  at("clear").addEventListener("click", () => change([]));
  at("more").addEventListener("click", () => {
    if (mode === "map") take(map.shown);
    else {
      seed += 1;
      ask();
    }
  });
  document.querySelectorAll("[data-save]").forEach((button) => {
    button.addEventListener("click", () => savers[button.dataset.save](now().lines));
  });
  at("keep").addEventListener("click", () => {
    try {
      say(`Kept in this browser: ${keep(now().lines, about.name)} so far.`);
    } catch {
      say("This browser lets the page keep nothing. Save the drawing as JSON in place of that.");
    }
    tell();
  });
  at("export").addEventListener("click", () => offer(ndjson(), "application/x-ndjson", "kept.ndjson"));
  at("forget").addEventListener("click", () => {
    if (!window.confirm(`Forget ${kept().length} drawings that were kept?`)) return;
    forget();
    tell();
  });
  const again = () => { if (!reasonNot() && (mode !== "go on" || now().lines.length)) ask(); };
  at("temperature").addEventListener("input", () => {
    at("degrees").value = number("temperature").toFixed(2);
  });
  at("scale").addEventListener("input", () => {
    at("scale-value").value = number("scale").toFixed(1);
    again();
  });
  at("temperature").addEventListener("change", again);
  document.querySelectorAll("input[name=amount]").forEach((one) => one.addEventListener("change", again));
  at("model").addEventListener("change", () => open(models[number("model")]).catch(failed));
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "z" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    step(event.shiftKey ? 1 : -1);
  });
  document.addEventListener("click", (event) => {
    if (!at("more-tools").contains(event.target)) at("more-tools").open = false;
  });
  at("licences").addEventListener("click", async (event) => {
    if (!isInside("licences/NOTICE")) return; // an ordinary link
    event.preventDefault();
    offer(await readFile("licences/NOTICE"), "text/plain", "NOTICE.txt");
  });
  window.addEventListener("error", ({ message }) => fail(message));
  window.addEventListener("unhandledrejection", ({ reason }) => failed(reason));
}

const failed = (error) => fail(String((error && error.message) || error));

/** Return a name of one lower-case word with a capital letter, any other name as it is. */
function heading(name) {
  return /^\p{Ll}+$/u.test(name) ? name[0].toUpperCase() + name.slice(1) : name;
}

/** Load a model, and draw with it. */
async function open({ name, file }) {
  ready = surface.enabled = false;
  cancel();
  say("Loading the model …");
  document.title = at("title").title = name;
  at("title").textContent = heading(name);
  about = await client.load(file);
  morph.forget();
  ready = surface.enabled = true;
  document.body.dataset.state = "ready";
  document.querySelectorAll("[role=tab]").forEach((tab) => {
    tab.classList.toggle("missing", Boolean(MODES[tab.dataset.mode].missing(about)));
  });
  react();
}

async function start() {
  at("panels").replaceChildren(...panels.map(({ button }) => {
    const item = document.createElement("li");
    item.append(button);
    return item;
  }));
  makeModes();
  showMode("go on");
  listen();
  const begun = fromFragment(window.location.hash.slice(1));
  if (begun) history = [{ lines: begun, finished: false }];
  surface.show(now().lines);
  const settings = new TextDecoder().decode(await readFile("settings.json"));
  ({ models } = JSON.parse(settings));
  at("model").replaceChildren(...models.map(({ name }, i) => new Option(name, i)));
  at("chooser").hidden = models.length < 2;
  await open(models[0]);
}

start().catch(failed);
