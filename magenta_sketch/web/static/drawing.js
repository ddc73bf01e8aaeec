// A drawing is a list of lines in the order they were drawn: {by: "you" | "model", points: [[x, y], ...]}.
//
// Units: a typical drawing of the model is `PAGE_SIZE` wide or high; (0, 0) is the sheet's middle.
// Rows are stroke-5 points [dx, dy, p1, p2, p3] in the same units, from the drawing's first point on.

export const PAGE_SIZE = 255;
const EPSILON = 2; // tolerance of simplification, as for QuickDraw's drawings of 255 units

/** Return the lines of rows that go on from a position. A first line begins there. */
export function linesOf(rows, from, first) {
  if (!rows.length) return [];
  const lines = [];
  let [x, y] = from;
  let points = first ? [[x, y]] : [];
  for (const [dx, dy, , lift] of rows) {
    [x, y] = [x + dx, y + dy];
    points.push([x, y]);
    if (lift === 1) {
      lines.push({ by: "model", points });
      points = [];
    }
  }
  return points.length ? [...lines, { by: "model", points }] : lines;
}

/**
 * Return a drawing as rows. Your lines are simplified, the model's are as it drew them.
 *
 * @param longest offsets of your lines are not longer: a model whose data has points at short
 *   distances does not know long ones.
 */
export function rowsOf(lines, longest = Infinity) {
  const rows = [];
  let pen = null; // where it is, after the first point
  for (const line of lines) {
    const points = line.by === "you" ? parted(simplified(line.points), longest) : line.points;
    points.forEach(([x, y], i) => {
      if (pen) rows.push([x - pen[0], y - pen[1], 1, 0, 0]);
      pen = [x, y];
      if (rows.length && i === points.length - 1) rows[rows.length - 1].splice(2, 3, 0, 1, 0);
    });
  }
  return rows;
}

/** Leave out points that are near the line through the others (Ramer 1972, Douglas, Peucker 1973). */
export function simplified(points, epsilon = EPSILON) {
  if (points.length < 3) return points;
  const [first, last] = [points[0], points[points.length - 1]];
  let [farthest, most] = [0, epsilon];
  for (let i = 1; i < points.length - 1; i++) {
    const far = distance(points[i], first, last);
    if (far > most) [farthest, most] = [i, far];
  }
  if (!farthest) return [first, last];
  return [...simplified(points.slice(0, farthest + 1), epsilon).slice(0, -1),
    ...simplified(points.slice(farthest), epsilon)];
}

/** Put points between those that are farther apart than `longest`. */
function parted(points, longest) {
  return points.flatMap(([x, y], i) => {
    if (!i) return [[x, y]];
    const [dx, dy] = [x - points[i - 1][0], y - points[i - 1][1]];
    const parts = Math.ceil(Math.hypot(dx, dy) / longest) || 1;
    return Array.from({ length: parts }, (_, k) => {
      const back = 1 - (k + 1) / parts;
      return [x - back * dx, y - back * dy];
    });
  });
}

/** The distance of a point from the line segment a–b. */
function distance([x, y], [ax, ay], [bx, by]) {
  const [dx, dy] = [bx - ax, by - ay];
  const square = dx * dx + dy * dy;
  const along = square ? ((x - ax) * dx + (y - ay) * dy) / square : 0;
  const t = Math.min(Math.max(along, 0), 1);
  return Math.hypot(x - ax - t * dx, y - ay - t * dy);
}

/** Return the position of the pen; the middle of an empty sheet. */
export function penAt(lines) {
  const last = lines[lines.length - 1];
  return last ? last.points[last.points.length - 1] : [0, 0];
}

export function bounds(lines) {
  const box = { left: Infinity, right: -Infinity, top: Infinity, bottom: -Infinity };
  for (const { points } of lines) {
    for (const [x, y] of points) {
      box.left = Math.min(box.left, x);
      box.right = Math.max(box.right, x);
      box.top = Math.min(box.top, y);
      box.bottom = Math.max(box.bottom, y);
    }
  }
  return box;
}

/** Return the lines moved so that their middle is at a place. */
export function centred(lines, [x, y] = [0, 0]) {
  if (!lines.length) return lines;
  const box = bounds(lines);
  const [dx, dy] = [x - (box.left + box.right) / 2, y - (box.top + box.bottom) / 2];
  return lines.map((line) => ({
    ...line, points: line.points.map((point) => [point[0] + dx, point[1] + dy]),
  }));
}

const digits = (number) => String(Math.round(number * 100) / 100);

/** Return the attribute `d` of a path. A line of one point is a dot. */
export function pathData({ points }) {
  const all = points.length > 1 ? points : [points[0], points[0]];
  return `M${all.map(([x, y]) => `${digits(x)} ${digits(y)}`).join("L")}`;
}

export function svgElement(name, attributes = {}) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

export function pathElement(line) {
  return svgElement("path", { d: pathData(line), class: line.by });
}
