// Geometry of the latent space, as in inference/latent.py.

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const mix = (a, b, one, other) => Float64Array.from(a, (value, i) => one * value + other * b[i]);

/** Interpolate spherically (White 2016): the direction turns evenly, the norm changes evenly. */
export function slerp(a, b, t) {
  if (t === 0 || t === 1) return Float64Array.from(t ? b : a);
  const [from, to] = [a, b].map((x) => Math.sqrt(dot(x, x)));
  if (!from || !to) return mix(a, b, 1 - t, t);
  const cosine = dot(a, b) / (from * to);
  let side = mix(b, a, 1 / to, -cosine / from); // b's direction at right angles to a's
  let sine = Math.sqrt(dot(side, side));
  if (sine < 1e-9 && cosine < 0) [side, sine] = [atRightAngles(a), 0];
  else if (sine) side = side.map((value) => value / sine);
  const turned = Math.atan2(sine, cosine) * t;
  const norm = (1 - t) * from + t * to;
  return mix(a, side, norm * Math.cos(turned) / from, norm * Math.sin(turned));
}

function atRightAngles(a) {
  const unit = a.map((value) => value / Math.sqrt(dot(a, a)));
  let least = 0;
  unit.forEach((value, i) => { if (Math.abs(value) < Math.abs(unit[least])) least = i; });
  const side = Float64Array.from(unit, (value, i) => (i === least) - unit[least] * value);
  const norm = Math.sqrt(dot(side, side)) || 1;
  return side.map((value) => value / norm);
}

/** Return the vector at a place in a plane. */
export function atPlane(plane, [x, y]) {
  return Float64Array.from(plane.origin, (value, i) => value + x * plane.x[i] + y * plane.y[i]);
}

/** Return the place of a vector's projection on a plane. */
export function onPlane({ origin, x, y }, z) {
  const apart = mix(z, origin, 1, -1);
  return [dot(apart, x), dot(apart, y)];
}
