// Line charts of losses by epoch, as SVG. A chart is drawn anew when there is more to show.

const SVG = "http://www.w3.org/2000/svg";
const LEFT = 52, RIGHT = 12, TOP = 10, BOTTOM = 24;

export function numberText(value) {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  return size >= 1000 || size < 0.001 ? value.toExponential(1) : String(Number(value.toPrecision(size < 1 ? 3 : 4)));
}

// Round steps (1, 2, 5 x 10^n), about as many as asked for.
export function ticks(low, high, count) {
  const rough = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough) ?? rough;
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) found.push(i * step);
  return found;
}

function add(parent, name, attributes, words) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (words !== undefined) node.textContent = words;
  parent.append(node);
  return node;
}

function note(parent, kind, words) {
  const node = document.createElement("div");
  node.className = kind;
  node.textContent = words;
  parent.append(node);
  return node;
}

// rows: [{epoch, training, validation}], any value null; total: last epoch of the axis.
export function drawChart(place, rows, total, empty) {
  place.replaceChildren();
  const values = rows.flatMap((row) => [row.training, row.validation]).filter((v) => v !== null && v !== undefined);
  if (!values.length) {
    if (empty) note(place, "empty", empty);
    return;
  }
  const { clientWidth: width, clientHeight: height } = place;
  let [low, high] = [Math.min(...values), Math.max(...values)];
  const spare = (high - low || Math.abs(high) || 1) * 0.06;
  low -= spare;
  high += spare;
  const last = Math.max(2, total, rows.at(-1).epoch);
  const x = (epoch) => LEFT + ((epoch - 1) / (last - 1)) * (width - LEFT - RIGHT);
  const y = (value) => TOP + ((high - value) / (high - low)) * (height - TOP - BOTTOM);
  const svg = add(place, "svg", { viewBox: `0 0 ${width} ${height}` });
  for (const value of ticks(low, high, height / 56)) {
    add(svg, "line", { x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) });
    add(svg, "text", { x: LEFT - 10, y: y(value) + 4, "text-anchor": "end" }, numberText(value));
  }
  for (const epoch of ticks(1, last, width / 90).filter((e) => Number.isInteger(e) && e >= 1)) {
    add(svg, "text", { x: x(epoch), y: height - 4, "text-anchor": "middle" }, String(epoch));
  }
  for (const kind of ["training", "validation"]) {
    const points = rows.filter((row) => row[kind] !== null && row[kind] !== undefined);
    if (!points.length) continue;
    const path = points.map((row, i) => `${i ? "L" : "M"}${x(row.epoch).toFixed(1)} ${y(row[kind]).toFixed(1)}`);
    add(svg, "path", { class: kind, d: path.join("") });
    const end = points.at(-1);
    add(svg, "circle", { class: kind, cx: x(end.epoch), cy: y(end[kind]), r: 3 });
  }
  follow(place, svg, rows, { x, height, width });
}

// A line under the pointer, with the numbers of its epoch.
function follow(place, svg, rows, { x, height, width }) {
  let line = null, tip = null;
  const leave = () => { line?.remove(); tip?.remove(); line = tip = null; };
  place.onpointerleave = leave;
  place.onpointermove = (event) => {
    const at = event.clientX - place.getBoundingClientRect().left;
    const row = rows.reduce((a, b) => (Math.abs(x(b.epoch) - at) < Math.abs(x(a.epoch) - at) ? b : a));
    leave();
    line = add(svg, "line", { class: "cursor", x1: x(row.epoch), x2: x(row.epoch), y1: TOP, y2: height - BOTTOM });
    const words = `Epoch ${row.epoch}   training ${numberText(row.training)}   validation ${numberText(row.validation)}`;
    tip = note(place, "tip", words);
    const left = x(row.epoch) + 8;
    tip.style.left = `${left + tip.offsetWidth > width ? Math.max(0, x(row.epoch) - tip.offsetWidth - 8) : left}px`;
  };
}
