// The page: the drawing, the modes, the models, and what the visitor is told.

import { Client, readFile } from "./client.js";
import { centred, linesOf, PAGE_SIZE, penAt, rowsOf } from "./drawing.js";
import { History } from "./history.js";
import { LatentMap } from "./map.js";
import { COUNT, MODES } from "./modes.js";
import { Morph } from "./morph.js";
import { fromLink } from "./output.js";
import { Panel } from "./panels.js";
import { SaveMenu } from "./saving.js";
import { Surface } from "./surface.js";
import { Tabs } from "./tabs.js";

const at = (id) => document.getElementById(id);
const number = (id) => Number(at(id).value);

let models = []; // of settings.json
let open = null; // the model that is loaded: its entry in `models`
let about = null; // the header of its file
let mode = "go on";
let seed = 0; // of the next drawings
let history = new History();
let chosen = null; // a panel that was pressed before it was complete
let ready = false;
let again = false; // whether a slider has moved since the request that is being answered
let rows = new WeakMap(); // lines -> rows for the model that is loaded

const client = new Client({
  failed: (message, isRequest) => (isRequest
    ? sayInstead(`The model cannot draw this: ${message}.`, "Change the drawing, or undo.")
    : fail(message)),
  unit: ({ unit }) => { at("mode").dataset.unit = unit; },
  points: grow,
  place: ({ place }) => {
    map.mark(place);
    resumeMap();
  },
  done: finish,
});
const surface = new Surface(at("surface"), { begin: cancel, line: addLine });
const panels = Array.from({ length: COUNT }, () => new Panel(pick));
const morph = new Morph(at, {
  take: () => take(morph.shown()), set: react, drawing: () => history.now.lines,
});
const map = new LatentMap(at("map"), {
  ask: (places) => {
    if (ready) client.ask({ kind: "plane", places, seed, temperature: number("temperature") });
  },
  change: tell,
});
const labels = Object.entries(MODES).map(([name, one]) => [name, one.label]);
const tabs = new Tabs(at("modes"), at("mode"), Object.fromEntries(labels), showMode);
const menu = new SaveMenu({
  at, say, drawing: () => history.now.lines, name: () => open?.name || "drawing",
});

/** Return lines as rows for the model that is loaded. */
function rowsFor(lines) {
  if (!rows.has(lines)) rows.set(lines, rowsOf(lines, (PAGE_SIZE * about.longest) / about.size));
  return rows.get(lines);
}

/** What the modes ask with. */
function settings() {
  const { first, second } = morph.drawings;
  return {
    rows: rowsFor(history.now.lines),
    first: first && rowsFor(first),
    second: second && rowsFor(second),
    seed,
    temperature: number("temperature"),
    scale: number("scale"),
    lifts: Number(document.querySelector("input[name=amount]:checked").value),
  };
}

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

/** Say that there is no network to draw with. The drawing can still be saved. */
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
  const focused = document.activeElement;
  const { lines } = history.now;
  at("invitation").hidden = lines.length > 0 || surface.pointer !== null;
  const sheet = lines.length
    ? `A drawing of ${lines.length} ${lines.length === 1 ? "line" : "lines"}` : "An empty sheet";
  at("surface").setAttribute("aria-label", sheet);
  if (at("told").textContent !== sheet) at("told").textContent = sheet; // read out by screen readers
  at("undo").disabled = !history.has(-1);
  at("redo").disabled = !history.has(1);
  at("clear").disabled = !lines.length;
  menu.tell();
  const missing = !about || Boolean(MODES[mode].missing(about));
  morph.tell(mode !== "morph" || missing, !lines.length);
  at("more").disabled = !ready || Boolean(reasonNot()) || (mode === "map" && !map.shown);
  const others = mode === "map" ? "Put it on the sheet" : "Others";
  at("more").textContent = mode !== "go on" ? others : lines.length ? "More" : "Let it start";
  // The keyboard goes on from what can still be pressed.
  if (focused && focused.disabled) {
    [at("undo"), at("more"), tabs.tab].find((one) => !one.disabled).focus();
  }
}

/** Return why the mode cannot draw anything now: {reason, advice}; null where it can. */
function reasonNot() {
  if (!about) return null;
  const missing = MODES[mode].missing(about);
  if (missing) {
    const other = models.length > 1 ? ", or another model" : "";
    return { reason: missing, advice: `Choose another mode${other}.` };
  }
  const reason = MODES[mode].needs(settings(), about);
  const advice = reason.includes("points") ? "Undo, or clear the sheet." : "";
  return reason ? { reason, advice } : null;
}

// ---------------------------------------------------------------------------------- the drawing

function change(lines, { finished = false, fresh = 0 } = {}) {
  history.push(lines, finished);
  surface.show(lines, fresh);
  react();
}

function addLine(points) {
  if (!points) react(); // the line was cancelled
  else change([...history.now.lines, { by: "you", points }]);
}

function step(by) {
  if (surface.pointer !== null || !history.has(by)) return;
  history.step(by);
  surface.show(history.now.lines);
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
  const { lines } = history.now;
  if (mode !== "go on") {
    take(linesOf(panel.rows, [0, 0], true));
    return;
  }
  const finished = panel.over === "finished";
  let more = linesOf(panel.rows, penAt(lines), !lines.length);
  if (!lines.length) more = centred(more);
  if (more.length) change([...lines, ...more], { finished, fresh: more.length });
  else if (lines.length) change(lines, { finished });
  else react(); // still an empty sheet
}

// -------------------------------------------------------------------------------- the network

/** React to a change of the drawing, the mode or a control. */
function react() {
  cancel();
  const not = reasonNot();
  at("panels").hidden = !MODES[mode].panels;
  at("map").toggleAttribute("hidden", mode !== "map" || Boolean(not));
  if (!ready) return;
  const { lines, finished } = history.now;
  if (not && mode === "morph" && !MODES.morph.missing(about)) say(not.reason);
  else if (not) sayInstead(not.reason, not.advice);
  else if (mode === "go on" && !lines.length) say("Draw the first line, or let the model start.");
  else if (mode === "go on" && finished) {
    sayInstead("The model says the drawing is finished.", "You can add lines, or press More.");
  } else ask();
}

/** @param shown whether the drawings before stay until the new ones are complete. */
function ask(shown = false) {
  if (!ready) return;
  at("instead").hidden = true;
  if (mode === "map") askMap();
  else if (mode === "morph") {
    const { first, second, temperature } = settings();
    if (morph.begin(JSON.stringify([first, second, temperature, seed, open.name]))) request();
    else finish();
  } else {
    const before = mode === "go on" ? history.now.lines : [];
    panels.forEach((panel, i) => {
      const name = `${MODES[mode].panels} ${i + 1}`;
      panel.begin(name, before, penAt(before), { part: mode === "go on", shown });
    });
    request();
  }
}

function request() {
  say("Drawing …");
  again = false;
  client.ask(MODES[mode].request(settings()));
  tell();
}

/** Show the map: the place of the visitor's drawing first, then the small drawings. */
function askMap() {
  const { rows: mine, temperature } = settings();
  const key = JSON.stringify([open.name, temperature, seed]);
  if (map.key !== key) {
    map.begin(about.plane);
    map.key = key;
  }
  if (!mine.length || mine.length > about.max_seq_len) {
    map.mark(null);
    resumeMap();
  } else client.ask({ kind: "place", rows: mine });
}

function resumeMap() {
  const whole = map.resume();
  say(whole ? "Drag over the map, or use the arrow keys." : "Drawing the map …");
  tell();
}

function cancel() {
  client.cancel();
  map.pause();
  chosen = null;
  again = false;
  at("instead").hidden = true;
  panels.forEach((panel, i) => panel.clear(`${MODES[mode].panels || "Drawing"} ${i + 1}`));
  tell();
}

function grow({ drawn, ended }) {
  const views = { map, morph }[mode];
  for (const [i, row] of drawn) (views ? views.add(i, row) : panels[i].add(row));
  for (const [i, why] of ended) (views ? views.end(i) : panels[i].end(why));
  // Last, because it begins another request.
  if (chosen && chosen.over) pressed(chosen);
}

function finish() {
  if (mode === "map") {
    map.done();
    say(map.whole ? "Drag over the map, or use the arrow keys." : "Drawing the map …");
  } else if (again) ask(true);
  else if (mode === "morph") say("Move the slider, or press Play.");
  else if (mode !== "go on") say("Click one to put it on the sheet.");
  else {
    const empty = panels.every(({ over, rows: more }) => over === "finished" && !more.length);
    say(empty ? "The model says the drawing is finished. You can add lines, or press More."
      : "Click one, draw another line, or press More.");
  }
  tell();
}

/** A slider was moved: draw again, when what is being drawn is complete. */
function moved() {
  if (!ready || reasonNot() || (mode === "go on" && !history.now.lines.length)) return;
  if (mode === "map" || mode === "morph") react();
  else if (client.busy) again = true;
  else ask(true);
}

// ---------------------------------------------------------------------------------- the page

function showMode(name) {
  mode = name;
  at("mode").dataset.mode = name;
  at("sentence").textContent = MODES[name].sentence(about || {});
  tabs.select(name);
  document.querySelectorAll("[data-for]").forEach((one) => { one.hidden = one.dataset.for !== name; });
  react();
}

function label() {
  at("degrees").textContent = number("temperature").toFixed(2);
  at("scale-value").textContent = number("scale").toFixed(1);
}

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
  for (const slider of [at("temperature"), at("scale")]) {
    slider.addEventListener("input", () => {
      label();
      moved();
    });
  }
  document.querySelectorAll("input[name=amount]").forEach((one) => {
    one.addEventListener("change", () => moved());
  });
  at("model").addEventListener("change", () => load(models[number("model")]));
  document.addEventListener("keydown", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    const by = { z: event.shiftKey ? 1 : -1, y: 1 }[event.key.toLowerCase()];
    if (!by) return;
    event.preventDefault();
    step(by);
  });
  window.addEventListener("hashchange", () => {
    const { lines, model } = linked();
    if (lines) change(lines);
    const entry = models.find(({ name }) => name === model);
    if (lines && entry && entry !== open) {
      at("model").value = models.indexOf(entry);
      load(entry);
    }
  });
}

/** Return the lines and the model's name of the address's fragment; null and "" where it is empty. */
function linked() {
  const fragment = window.location.hash.slice(1);
  const found = fragment ? fromLink(fragment) : { lines: null, model: "" };
  if (fragment && !found.lines) say("This link holds no drawing that can be read.");
  return found;
}

/** Return a name of one lower-case word with a capital letter, any other name as it is. */
function heading(name) {
  return /^\p{Ll}+$/u.test(name) ? name[0].toUpperCase() + name.slice(1) : name;
}

/** Load a model, and draw with it. If it cannot be loaded, the one before stays. */
async function load(entry) {
  cancel();
  ready = false;
  say("Loading the model …");
  tell();
  let problem = "";
  try {
    const found = await client.load(entry.file);
    if (!found) return; // another one was chosen in the meantime
    ({ about } = found);
    open = entry;
    document.body.dataset.backend = found.backend;
  } catch (error) {
    problem = String((error && error.message) || error);
    if (!open) {
      fail(problem);
      return;
    }
    at("model").value = models.indexOf(open);
  }
  rows = new WeakMap();
  history.unfinish();
  document.title = at("title").title = open.name;
  at("title").textContent = heading(open.name);
  tabs.mark((name) => Boolean(MODES[name].missing(about)));
  ready = surface.enabled = true;
  document.body.dataset.state = "ready";
  at("status").classList.remove("failed");
  showMode(mode);
  if (problem) say(`${entry.name} could not be loaded: ${problem}.`);
}

async function start() {
  at("panels").replaceChildren(...panels.map(({ button }) => {
    const item = document.createElement("li");
    item.append(button);
    return item;
  }));
  showMode("go on");
  label();
  listen();
  const { lines, model } = linked();
  if (lines) history = new History(lines);
  surface.show(history.now.lines);
  const text = await (await readFile("settings.json")).text();
  ({ models } = JSON.parse(text));
  at("model").replaceChildren(...models.map(({ name }, i) => new Option(name, i)));
  at("chooser").hidden = models.length < 2;
  const first = Math.max(0, models.findIndex(({ name }) => name === model));
  at("model").value = first;
  await load(models[first]);
  if (window.location.hash && !lines) linked(); // say again what was said before loading
}

start().catch((error) => fail(String((error && error.message) || error)));
