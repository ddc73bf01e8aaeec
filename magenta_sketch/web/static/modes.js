// What can be done with a drawing and a model. Each mode says in one sentence what it does, and asks
// the network for sketches.

export const COUNT = 6; // of panels
const FRAMES = 21; // of a morph

/** Return why a mode that needs an encoder cannot be used; "" where it can. */
const withoutEncoder = (about) => (about.conditional ? ""
  : "This model has no encoder: it can continue a drawing, but not look at a whole one.");

const shared = { count: COUNT, greedy: false };

export const MODES = {
  "go on": {
    label: "Go on",
    sentence: "The model continues your drawing in six ways. Click one to add it.",
    panels: "Continuation",
    missing: () => "",
    needs: () => "",
    request: ({ rows, temperature, seed, lifts }) => (
      { ...shared, kind: "go on", rows, temperature, seed, lifts }),
  },
  mimic: {
    label: "Mimic",
    sentence: "The model looks at your drawing, keeps only some numbers of it, and redraws it six times "
      + "from these.",
    panels: "Copy",
    missing: withoutEncoder,
    needs: ({ rows }) => (rows.length ? "" : "Draw something for the model to look at."),
    request: ({ rows, temperature, seed }) => (
      { ...shared, kind: "noise", rows, scale: 0, temperature, seed }),
  },
  noise: {
    label: "Noise",
    sentence: "Noise is added to the numbers that the model keeps of your drawing. From where on is it no "
      + "longer yours?",
    panels: "With noise",
    missing: withoutEncoder,
    needs: ({ rows }) => (rows.length ? "" : "Draw something for the model to look at."),
    request: ({ rows, temperature, seed, scale }) => (
      { ...shared, kind: "noise", rows, scale, temperature, seed }),
  },
  morph: {
    label: "Morph",
    sentence: "From one drawing to another, through what the model sees between them.",
    missing: withoutEncoder,
    needs: ({ first, second }) => {
      if (!first) return "Draw the first drawing, then press “This is the first”.";
      return second ? "" : "Now draw the second one, and press “This is the second”.";
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
    sentence: "Drawings of the model on a plane of its latent space. Drag over it: what lies there is drawn.",
    missing: (about) => withoutEncoder(about)
      || (about.plane ? "" : `There is no map of this model: ${about.no_plane}.`),
    needs: () => "",
  },
};
