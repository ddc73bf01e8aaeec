// A drawing is a list of pieces in the order they were drawn.
//
// Units: a typical drawing by the model is 255 wide or high; (0, 0) is the middle of the sheet.
// A piece is one line, {by: "you", points: [[x, y], ...]}, or stroke-5 points of the model,
// {by: "model", from: [x, y], rows: [[dx, dy, p1, p2, p3], ...]}, which start at `from`.

/** Return a model's piece as lines. penDown: true for the first piece of a drawing. */
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

/** Return all lines: [{by, line}, ...]. */
export function allLines(pieces) {
  return pieces.flatMap((piece, index) => (piece.by === "you"
    ? [{ by: "you", line: piece.points }]
    : modelLines(piece.from, piece.rows, index === 0).map((line) => ({ by: "model", line }))));
}

/** Return the position of the pen; the middle of an empty sheet. */
export function penAt(pieces) {
  const last = pieces[pieces.length - 1];
  if (!last) return [0, 0];
  if (last.by === "you") return last.points[last.points.length - 1];
  return last.rows.reduce(([x, y], [dx, dy]) => [x + dx, y + dy], last.from);
}

/** Return a model's rows as a piece of the drawing. A first piece is moved to the middle. */
export function modelPiece(pieces, rows) {
  const last = rows[rows.length - 1];
  // The next line is a new one.
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

/** Return the attribute `d` of a path. A line of one point is a dot. */
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

/** Return the drawing as the text of an SVG file, with one path per line. */
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
