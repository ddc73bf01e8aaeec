// What can be done with a drawing and a model. Each mode says in one sentence what it does, and asks
// the network for sketches.

export const COUNT = 6; // of panels
const FRAMES = 21; // of a morph

/** Return why a mode that needs an encoder cannot be used; "" where it can. */
const withoutEncoder = (about) => (about.conditional ? ""
  : "This model has no encoder. It can continue a drawing, but it cannot redraw or change one.");

/** Return why a drawing cannot be encoded; "" where it can. */
function notEncodable(rows, about) {
  if (!rows.length) return "Draw something for the model to look at.";
  return rows.length <= about.max_seq_len ? ""
    : `The drawing has ${rows.length} points, and the model knows drawings of at most `
      + `${about.max_seq_len}.`;
}

// missing: why a model lacks the mode. needs: what a visitor has to do first. Both "" for nothing.
export const MODES = {
  "go on": {
    label: "Go on",
    sentence: () => "The model continues your drawing in six ways. Click one to add it.",
    panels: "Continuation",
    missing: () => "",
    needs: ({ rows }, about) => (rows.length < about.max_seq_len ? ""
      : `The model cannot continue: the drawing has ${rows.length} points, and the model draws at `
        + `most ${about.max_seq_len}.`),
    request: ({ rows, temperature, seed, lifts }) => (
      { count: COUNT, kind: "go on", rows, temperature, seed, lifts }),
  },
  mimic: {
    label: "Mimic",
    sentence: (about) => `The model turns your drawing into ${about.z_size || "some"} numbers, and `
      + "redraws it from these in six ways.",
    panels: "Copy",
    missing: withoutEncoder,
    needs: ({ rows }, about) => notEncodable(rows, about),
    request: ({ rows, temperature, seed }) => (
      { count: COUNT, kind: "noise", rows, scale: 0, temperature, seed }),
  },
  noise: {
    label: "Noise",
    sentence: (about) => `Noise is added to the ${about.z_size || ""} numbers that the model makes of `
      + "your drawing. How much noise until the drawing is no longer yours?",
    panels: "With noise",
    missing: withoutEncoder,
    needs: ({ rows }, about) => notEncodable(rows, about),
    request: ({ rows, temperature, seed, scale }) => (
      { count: COUNT, kind: "noise", rows, scale, temperature, seed }),
  },
  morph: {
    label: "Morph",
    sentence: () => "The model turns your first drawing into your second, little by little.",
    missing: withoutEncoder,
    needs: ({ first, second }, about) => {
      if (!first) return "Draw the first drawing, then press “This is the first”.";
      if (!second) return "Now draw the second one, and press “This is the second”.";
      return notEncodable(first, about) || notEncodable(second, about);
    },
    frames: FRAMES,
    request: ({ first, second, temperature, seed }) => ({
      kind: "morph",
      rows: first,
      other: second,
      places: Array.from({ length: FRAMES }, (_, i) => i / (FRAMES - 1)),
      temperature,
      seed,
    }),
  },
  map: {
    label: "Map",
    sentence: () => "Each place on the map is a drawing. Drag over it to see them.",
    missing: (about) => withoutEncoder(about)
      || (about.plane ? "" : `There is no map of this model: ${about.no_plane}.`),
    needs: () => "",
  },
};
