// The network, in a thread of its own: takes a drawing and sends continuations, point by point.
//
// Offsets and positions are in the page's units. A row is a stroke-5 point [dx, dy, p1, p2, p3].
"use strict";

// The bundle was made for a page and needs `window`.
self.window = self;

const EPSILON = 2; // tolerance of line simplification, as for QuickDraw's drawings of 255 units

let networks = []; // one for each z: {model, start, rows, states}
let settings = null;
let job = null; // the newest request; older ones are dropped

const channel = new MessageChannel();
const waiting = [];
channel.port1.onmessage = () => waiting.shift()();

/** Let messages in. Faster than a timer. */
function breathe() {
  return new Promise((resolve) => {
    waiting.push(resolve);
    channel.port2.postMessage(null);
  });
}

async function load(given) {
  settings = given;
  importScripts("vendor/magentasketch.js");
  // Because of `window`, tfjs would expect a document. WebGL is not faster for such a small network,
  // and the CPU computes in float32 on every device.
  ms.tf.ENV.set("IS_BROWSER", false);
  ms.tf.setBackend("cpu");
  const response = await fetch("model.json");
  if (!response.ok) throw new Error(`model.json: ${response.status} ${response.statusText}`);
  const [info, dims, blobs] = await response.json().catch(() => {
    throw new Error("model.json is not a whole JSON file");
  });
  // A z changes only the bias of the cell and the initial state.
  const latents = settings.latents.length ? settings.latents : [null];
  for (const latent of latents) {
    const own = latent ? [...blobs.slice(0, 4), latent.bias] : blobs;
    networks.push(await makeNetwork([info, dims, own], latent));
  }
}

async function makeNetwork(contents, latent) {
  const place = URL.createObjectURL(new Blob([JSON.stringify(contents)]));
  const model = new ms.SketchRNN(place);
  await model.initialize();
  URL.revokeObjectURL(place);
  model.setPixelFactor(settings.pixel_factor);
  const before = latent
    ? { c: Float32Array.from(latent.c), h: Float32Array.from(latent.h) }
    : model.zeroState();
  const start = model.update(model.zeroInput(), before);
  if (![...start.h].every(Number.isFinite)) throw new Error("model.json: weights are not finite");
  return { model, rows: [], states: [start] };
}

/** Return the drawing as rows: the user's lines are simplified, the model's rows are not. */
function rowsOf(pieces) {
  const { model } = networks[0];
  const rows = [];
  let pen = null; // position of the pen, after the first point
  for (const piece of pieces) {
    let more = piece.rows;
    if (piece.by === "you") {
      const line = model.simplifyLine(piece.points, EPSILON);
      more = model.lineToStroke(line, pen || line[0]);
      if (!pen) more = more.slice(1);
      pen = line[line.length - 1];
    } else {
      pen = pen || piece.from;
      for (const [dx, dy] of more) pen = [pen[0] + dx, pen[1] + dy];
    }
    rows.push(...more);
  }
  return rows;
}

const same = (a, b) => a.every((value, i) => value === b[i]);

/** Return the state after `rows`, reusing known states; null when the job was cancelled. */
async function stateAfter(network, rows, mine) {
  let known = 0;
  while (known < Math.min(rows.length, network.rows.length)
    && same(rows[known], network.rows[known])) known++;
  network.rows.length = known;
  network.states.length = known + 1;
  for (const row of rows.slice(known)) {
    network.states.push(network.model.update(row, network.states[network.states.length - 1]));
    network.rows.push(row);
    await breathe();
    if (job !== mine) return null;
  }
  return network.states[rows.length];
}

/** Draw a point. The temperature changes pi, the pen and, by its square root, sigma. */
function draw(model, state, temperature) {
  const pdf = model.getPDF(state, temperature, temperature);
  for (let tries = 0; tries < 8; tries++) {
    const row = model.sample(pdf);
    // Rounded probabilities may sum to less than 1; then a draw can find no pen state.
    const pens = row[2] + row[3] + row[4];
    if (pens === 1 && row.every(Number.isFinite)) return row;
  }
  throw new Error("the model gives numbers that are not finite");
}

async function goOn(mine) {
  const rows = rowsOf(mine.pieces);
  const room = settings.max_seq_len - rows.length;
  postMessage({ type: "begun", job: mine.job, points: rows.length, room });
  if (room <= 0) return;
  const ways = [];
  for (let panel = 0; panel < mine.panels; panel++) {
    const network = networks[panel % networks.length];
    const state = await stateAfter(network, rows, mine);
    if (job !== mine) return;
    ways.push({ panel, model: network.model, state, left: room, lifts: mine.lifts || Infinity });
  }
  // One point of each in turn, so that all panels grow together.
  for (let open = ways; open.length; open = open.filter((way) => !way.over)) {
    for (const way of open) {
      await breathe();
      if (job !== mine) return;
      if (mine.only !== undefined && mine.only !== way.panel) way.over = "dropped";
      else step(way, mine);
    }
  }
  postMessage({ type: "done", job: mine.job });
}

function step(way, mine) {
  const row = draw(way.model, way.state, mine.temperature);
  const about = { job: mine.job, panel: way.panel };
  if (row[4] === 1) {
    way.over = "finished";
  } else {
    postMessage({ type: "point", ...about, row });
    way.left -= 1;
    way.lifts -= row[3];
    if (way.lifts <= 0) way.over = "lifted";
    else if (way.left <= 0) way.over = "full";
    else way.state = way.model.update(row, way.state);
  }
  if (way.over) postMessage({ type: "ended", ...about, why: way.over });
}

function fail(error) {
  postMessage({ type: "failed", message: String((error && error.message) || error) });
}

onmessage = ({ data }) => {
  if (data.type === "load") {
    load(data.settings).then(() => postMessage({ type: "ready" }), fail);
  } else if (data.type === "continue") {
    job = data;
    goOn(data).catch(fail);
  } else if (data.type === "only") {
    if (job && job.job === data.job) job.only = data.panel;
  } else if (data.type === "cancel") {
    job = null;
  }
};
