// A drawing: pieces in the order they were drawn, and what can be asked of them.
//
// Units: a typical drawing of the model's is 255 across; (0, 0) is the middle of the sheet.
// A piece is {by: "you", points: [[x, y], ...]}, one line, or {by: "model", from: [x, y],
// rows: [[dx, dy, p1, p2, p3], ...]}, stroke-5 points that begin where the pen was.

/** A model's piece as lines. At the start of a drawing the pen is down, later it is up. */
export function modelLines(from, rows, penDown) {
  const lines = [];
  let [x, y] = from;
  let line = penDown ? [[x, y]] : [];
  for (const [dx, dy, , lift] of rows) {
    x += dx;
    y += dy;
    line.push([x, y]);
    if (lift === 1) {
      lines.push(line);
      line = [];
    }
  }
  if (line.length) lines.push(line);
  return lines;
}

/** All lines: [{by, line}, ...]. */
export function allLines(pieces) {
  return pieces.flatMap((piece, index) => (piece.by === "you"
    ? [{ by: "you", line: piece.points }]
    : modelLines(piece.from, piece.rows, index === 0).map((line) => ({ by: "model", line }))));
}

/** Where the pen is; the middle of the sheet before anything is drawn. */
export function penAt(pieces) {
  const last = pieces[pieces.length - 1];
  if (!last) return [0, 0];
  if (last.by === "you") return last.points[last.points.length - 1];
  return last.rows.reduce(([x, y], [dx, dy]) => [x + dx, y + dy], last.from);
}

/** A model's rows as a piece of the drawing; what begins one is moved to the sheet's middle. */
export function modelPiece(pieces, rows) {
  const last = rows[rows.length - 1];
  // Whatever is drawn next is a new line.
  const lifted = [...rows.slice(0, -1), [last[0], last[1], 0, 1, 0]];
  let from = penAt(pieces);
  if (!pieces.length) {
    const box = bounds(modelLines(from, lifted, true));
    from = [-(box.left + box.right) / 2, -(box.top + box.bottom) / 2];
  }
  return { by: "model", from, rows: lifted };
}

export function bounds(lines) {
  const box = { left: Infinity, right: -Infinity, top: Infinity, bottom: -Infinity };
  for (const [x, y] of lines.flat()) {
    box.left = Math.min(box.left, x);
    box.right = Math.max(box.right, x);
    box.top = Math.min(box.top, y);
    box.bottom = Math.max(box.bottom, y);
  }
  return box;
}

const digits = (number) => String(Math.round(number * 100) / 100);

/** The `d` of a path; a line of one point is a dot. */
export function pathData(line) {
  const points = line.length > 1 ? line : [line[0], line[0]];
  return `M${points.map(([x, y]) => `${digits(x)} ${digits(y)}`).join("L")}`;
}

export function pathElement(line, ...classes) {
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", pathData(line));
  path.classList.add(...classes);
  return path;
}

const INKS = { you: "#1f2126", model: "#c23b14" };

/** The drawing as the text of an SVG file: a path for each line, cut to the drawing. */
export function svgText(pieces, title) {
  const drawn = allLines(pieces);
  const box = bounds(drawn.map(({ line }) => line));
  const margin = 8;
  const [width, height] = [box.right - box.left + 2 * margin, box.bottom - box.top + 2 * margin];
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox",
    [box.left - margin, box.top - margin, width, height].map(digits).join(" "));
  svg.setAttribute("width", digits(2 * width));
  svg.setAttribute("height", digits(2 * height));
  svg.setAttribute("fill", "none");
  svg.setAttribute("stroke-width", "2.5");
  svg.setAttribute("stroke-linecap", "round");
  svg.setAttribute("stroke-linejoin", "round");
  const name = document.createElementNS("http://www.w3.org/2000/svg", "title");
  name.textContent = title;
  svg.append(name);
  for (const { by, line } of drawn) {
    const path = pathElement(line, by);
    path.setAttribute("stroke", INKS[by]);
    svg.append(path);
  }
  return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(svg)}\n`;
}
