// A sheet of graph paper: points that a visitor sets, moves and removes, and every algorithm's curve through them, which the server makes.
// Given by gr.HTML: element, props, server, watch.

const words = props.words[lang];
const WIDE = 11, HIGH = 13; // units that are shown at the least; the middle is 0, 0
const MOST = 10; // steps
const STRIDE = 0.1; // what an arrow key moves by; with Shift five times as far
const root = element.querySelector(".curves");
const state = { points: [], truth: null, fitted: null, step: 1, cursor: [0, 0], shown: new Set(props.first), own: {}, off: new Set(), asking: false, stale: false, seen: false };
let playing = null;
let held = null; // the point under the pointer: {at, moved}

function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// --- the paper: units to the drawing's own, y upwards

const paper = svg("svg", { class: "curves-paper", role: "application", tabindex: 0, "aria-label": words.paper, "aria-describedby": "curves-keys" });
const layers = Object.fromEntries(["grid", "truth", "bands", "lines", "cross", "dots"].map((name) => [name, svg("g", { class: name })]));
paper.append(...Object.values(layers));
const reach = () => Math.max(HIGH / 2, ...state.points.map(([, y]) => Math.abs(y) * 1.1));
const side = () => Math.max(WIDE / 2, ...state.points.map(([x]) => Math.abs(x) * 1.05));
const across = (x) => (x / side()) * 500;
const down = (y) => (-y / reach()) * 300;
const path = (xs, ys) => xs.map((x, i) => `${i ? "L" : "M"}${across(x).toFixed(1)} ${down(Math.max(-1e6, Math.min(1e6, ys[i]))).toFixed(1)}`).join("");

function place(event) {
  const area = paper.getBoundingClientRect();
  const x = ((event.clientX - area.left) / area.width - 0.5) * 2 * side();
  const y = (0.5 - (event.clientY - area.top) / area.height) * 2 * reach();
  return [round(x), round(y)];
}
const round = (value) => Math.round(value * 100) / 100;

function drawGrid() {
  const lines = [];
  const few = paper.clientWidth < 600 ? 4 : 8; // lines on either side of the middle
  const every = (most) => [1, 2, 5, 10, 20, 50, 100, 1000].find((gap) => most / gap <= few) || most / 4;
  const [gx, gy] = [every(side()), every(reach())];
  for (let x = -Math.floor(side() / gx) * gx; x <= side(); x += gx) {
    lines.push(svg("line", { x1: across(x), x2: across(x), y1: -300, y2: 300, class: x ? "" : "axis" }));
    lines.push(label(x, across(x) + 3, 296));
  }
  for (let y = -Math.floor(reach() / gy) * gy; y <= reach(); y += gy) {
    lines.push(svg("line", { x1: -500, x2: 500, y1: down(y), y2: down(y), class: y ? "" : "axis" }));
    if (y) lines.push(label(y, -494, down(y) - 4));
  }
  const [low, high] = props.range;
  lines.push(...[low, high].map((x) => svg("line", { x1: across(x), x2: across(x), y1: -300, y2: 300, class: "edge" })));
  layers.grid.replaceChildren(...lines);
}
function label(value, x, y) {
  const node = svg("text", { x, y });
  node.textContent = value;
  return node;
}

// --- what the server made of the points

const curves = () => (state.fitted ? state.fitted.curves.filter((curve) => state.shown.has(curve.algorithm)) : []);
const at = (curve) => Math.min(state.step, curve.values.length - 1);

function drawCurves() {
  const xs = state.fitted ? state.fitted.grid : [];
  layers.lines.replaceChildren(...curves().map((curve) => svg("path", { d: path(xs, curve.values[at(curve)]), class: curve.start, style: `stroke:${curve.colour}` })));
  const [banded, from] = seer.value.split(" ");
  const known = curves().filter((c) => band.checked && c.algorithm === banded && c.start === from && c.low[at(c)]);
  layers.bands.replaceChildren(...known.map((curve) => {
    const back = xs.map((x, i) => `L${across(x).toFixed(1)} ${down(curve.low[at(curve)][i]).toFixed(1)}`).toReversed().join("");
    return svg("path", { d: `${path(xs, curve.high[at(curve)])}${back}Z`, style: `fill:${curve.colour}` });
  }));
  layers.truth.replaceChildren(...(state.truth ? [svg("path", { d: path(...state.truth) })] : []));
  tell();
}

function drawDots() {
  const focused = [...layers.dots.children].indexOf(document.activeElement);
  layers.dots.replaceChildren(...state.points.map(([x, y], i) => {
    const dot = svg("circle", { cx: across(x), cy: down(y), r: 8, tabindex: 0, role: "button", "data-at": i });
    dot.setAttribute("aria-label", words.point.replace("{x}", x).replace("{y}", y));
    return dot;
  }));
  if (focused >= 0 && layers.dots.children.length) layers.dots.children[Math.min(focused, layers.dots.children.length - 1)].focus();
}

function drawCross() {
  const [x, y] = [across(state.cursor[0]), down(state.cursor[1])];
  layers.cross.replaceChildren(svg("path", { d: `M${x - 12} ${y}H${x + 12}M${x} ${y - 12}V${y + 12}` }));
}

function redraw() {
  drawGrid();
  drawDots();
  drawCross();
  drawCurves();
}

// The visitor's own starts that are not switched off: algorithm -> the name by which the server knows it.
const own = () => Object.fromEntries(Object.entries(state.own).filter(([name]) => !state.off.has(name)));
const begun = (algorithm) => algorithm.trained || algorithm.name in own();

// --- asking: one question at a time, the newest next, and none before somebody looks, which most who open the page never do

new IntersectionObserver(([sight], watching) => {
  if (!sight.isIntersecting) return;
  watching.disconnect();
  state.seen = true;
  ask();
}).observe(root);

async function ask() {
  if (!state.seen) return;
  if (state.asking) return void (state.stale = true);
  state.asking = true;
  try {
    do {
      state.stale = false;
      if (!state.points.length) {
        nothing();
        continue;
      }
      const drag = { steps: state.step, only: true };
      const seen = band.checked ? seer.value.split(" ") : null;
      const dragged = Boolean(held);
      const asked = { points: state.points, algorithms: [...state.shown], own: own(), steps: MOST, ...(dragged ? drag : {}), lang };
      const found = await server.fit({ ...asked, band: dragged ? null : seen });
      note.textContent = found.problem || (found.notes || []).join(" ");
      note.hidden = !note.textContent;
      if (!found.problem) state.fitted = found;
      drawCurves();
      if (!dragged) look();
      else if (seen && !found.problem && !state.stale) await widen(asked, seen);
    } while (state.stale);
  } catch {
    complain(words.lost);
  } finally {
    state.asking = false;
  }
}

// The interval of one curve, which takes as long as many curves: while a point is dragged it follows them as soon as the hand rests.
async function widen(asked, [algorithm, start]) {
  const found = await server.fit({ ...asked, algorithms: [algorithm], band: [algorithm, start] });
  if (found.problem) return;
  const same = (curve) => curve.algorithm === algorithm && curve.start === start;
  const [known, fuller] = [state.fitted?.curves.find(same), found.curves.find(same)];
  if (known && fuller) Object.assign(known, { low: fuller.low, high: fuller.high });
  drawCurves();
}

function nothing() {
  state.fitted = null;
  note.textContent = words.none;
  note.hidden = false;
  maps.replaceChildren();
  drawCurves();
}

const told = whenPaused(() => trigger("edit"));
function changed(keepTruth = false) {
  props.value = { points: state.points };
  document.dispatchEvent(new CustomEvent("edited", { detail: { place: "curves-side", value: props.value } }));
  told();
  if (!keepTruth) state.truth = null;
  redraw();
  ask();
}

async function sample(family) {
  const found = await server.sample({ family, number: Math.floor(Math.random() * 1e9), count: Number(count.value) });
  Object.assign(state, { points: found.points, truth: found.truth });
  changed(true);
}

// --- pointer and keyboard

paper.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  const dot = event.target.closest("circle");
  held = { at: dot ? Number(dot.dataset.at) : state.points.length, moved: !dot, from: [event.clientX, event.clientY] };
  if (!dot) {
    state.points = [...state.points, place(event)];
    changed();
  }
  paper.setPointerCapture(event.pointerId);
});
paper.addEventListener("pointermove", (event) => {
  if (!held) return;
  if (!held.moved && Math.hypot(event.clientX - held.from[0], event.clientY - held.from[1]) < 4) return;
  held.moved = true;
  state.points = state.points.map((point, i) => (i === held.at ? place(event) : point));
  changed(true);
});
paper.addEventListener("pointerup", () => {
  const was = held;
  held = null;
  if (was && !was.moved) remove(was.at);
  else if (was) ask(); // the steps that nobody saw while it was dragged
});
paper.addEventListener("pointercancel", () => (held = null));

function remove(index) {
  state.points = state.points.filter((_, i) => i !== index);
  changed(true);
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
paper.addEventListener("keydown", (event) => {
  const dot = event.target.closest("circle");
  const index = dot && Number(dot.dataset.at);
  const way = ARROWS[event.key];
  if (way) {
    const stride = event.shiftKey ? 5 * STRIDE : STRIDE;
    const moved = ([x, y]) => [round(x + stride * way[0]), round(y + stride * way[1])];
    if (dot) state.points = state.points.map((point, i) => (i === index ? moved(point) : point));
    else state.cursor = moved(state.cursor);
    if (dot) changed(true);
    else drawCross();
  } else if (dot && ["Delete", "Backspace"].includes(event.key)) {
    remove(index);
    if (!state.points.length) paper.focus();
  } else if (!dot && event.key === "Enter") {
    state.points = [...state.points, [...state.cursor]];
    changed();
  } else return;
  event.preventDefault();
});

// --- controls

const note = make("p", "notice curves-note", { hidden: true });
note.setAttribute("role", "status");
const count = make("select", "", { id: "curves-count" }, ...[3, 5, 10].map((n) => make("option", "", { value: n, textContent: n, selected: n === 5 })));
const samples = Object.entries(words.families).map(([family, title]) => button("curves-sample", title, () => sample(family)));
const clear = button("curves-clear", words.clear, () => {
  Object.assign(state, { points: [], fitted: null });
  changed();
});
const slider = make("input", "", { type: "range", min: 0, max: MOST, step: 1, value: 1, id: "curves-step" });
const stepped = make("output", "", { htmlFor: "curves-step" });
function goTo(step) {
  state.step = step;
  slider.value = step;
  drawCurves();
  look();
}
slider.addEventListener("input", () => {
  stop();
  goTo(slider.valueAsNumber);
});
function stop() {
  clearInterval(playing);
  playing = null;
  play.textContent = words.play;
}
const play = button("curves-play", words.play, () => {
  if (playing) return stop();
  play.textContent = words.stop;
  goTo(0);
  playing = setInterval(() => (state.step < Number(slider.max) ? goTo(state.step + 1) : stop()), 700);
});
const rows = make("tbody", "");
const table = make("table", "curves-table", {}, make("caption", "", { textContent: words.table }),
  make("thead", "", {}, make("tr", "", {}, ...["algorithm", "trained", "plain"].map((key) => make("th", "", { scope: "col", textContent: words[key] })))), rows);

// Which algorithms are drawn, and how far each is from the curve that the sample is of, or from the points.
function tell() {
  stepped.textContent = words.step.replace("{step}", state.step);
  const found = curves();
  rows.replaceChildren(...props.algorithms.map((algorithm) => {
    const box = make("input", "", { type: "checkbox", checked: state.shown.has(algorithm.name), id: `curves-${algorithm.name}` });
    box.addEventListener("change", () => {
      if (box.checked) state.shown.add(algorithm.name);
      else state.shown.delete(algorithm.name);
      drawCurves();
      ask();
      document.querySelector(`#${box.id}`).focus();
    });
    const swatch = make("span", "swatch", { textContent: `${algorithm.glyph} ` });
    swatch.style.color = algorithm.colour;
    swatch.setAttribute("aria-hidden", "true");
    const name = make("label", "", { htmlFor: box.id }, swatch, algorithm.title[lang]);
    const cells = ["trained", "plain"].map((start) => {
      const curve = found.find((c) => c.algorithm === algorithm.name && c.start === start);
      return make("td", start, { textContent: curve ? far(curve) : box.checked && !begun(algorithm) && state.fitted ? "–" : "" });
    });
    const yours = algorithm.name in state.own ? [toggleOf(algorithm)] : [];
    return make("tr", "", {}, make("th", "", { scope: "row" }, box, name, ...yours), ...cells);
  }));
}
// The switch of a start that the visitor trained.
function toggleOf(algorithm) {
  const on = !state.off.has(algorithm.name);
  const toggle = button("curves-own", words.yours, () => {
    if (on) state.off.add(algorithm.name);
    else state.off.delete(algorithm.name);
    seers();
    drawCurves();
    ask();
    document.querySelector(`#curves-own-${algorithm.name}`).focus();
  });
  toggle.id = `curves-own-${algorithm.name}`;
  toggle.setAttribute("aria-pressed", on);
  return toggle;
}
function far(curve) {
  const ys = curve.values[at(curve)];
  const errors = state.truth ? state.truth[1].map((y, i) => ys[i] - y) : curve.residuals[at(curve)];
  const mean = errors.reduce((sum, e) => sum + e * e, 0) / errors.length;
  return mean < 1e4 ? mean.toPrecision(2) : mean.toExponential(1);
}

// --- whose interval is shown, and attention over the tokens of x

const seer = make("select", "", { id: "curves-seer" });
function seers() {
  const was = seer.value || `${props.first[0]} trained`;
  seer.replaceChildren(...props.algorithms.flatMap((a) => ["trained", "plain"].filter((start) => begun(a) || start === "plain").map((start) => make("option", "", { value: `${a.name} ${start}`, textContent: `${a.title[lang]}, ${words[start]}` }))));
  seer.value = was;
  if (!seer.value) seer.selectedIndex = 0;
}
seers();
const where = make("input", "", { type: "number", step: 0.5, value: 0, id: "curves-x" });
const depth = make("select", "", { id: "curves-layer" });
const band = make("input", "", { type: "checkbox", checked: true, id: "curves-band" });
band.addEventListener("change", ask);
const maps = make("div", "curves-maps", {});
let looking = 0;
async function look() {
  if (!state.fitted || playing) return;
  const mine = ++looking;
  const [algorithm, start] = seer.value.split(" ");
  const found = await server.attend({ points: state.points, algorithm, start, own: own(), x: where.valueAsNumber, step: state.step, lang });
  if (mine !== looking) return;
  if (found.problem) return void maps.replaceChildren(make("p", "empty", { textContent: found.problem }));
  const chosen = Number(depth.value || found.first);
  const options = found.places.map((title, i) => make("option", "", { value: i, textContent: title, selected: i === chosen }));
  depth.replaceChildren(...options);
  maps.replaceChildren(...["before", "after"].map((when) => map(words[when], found.tokens, found[when][chosen])));
}
function map(title, tokens, matrix) {
  const head = make("tr", "", {}, make("td", ""), ...tokens.map((token) => make("th", "", { scope: "col", textContent: token })));
  const body = matrix.map((row, i) => make("tr", "", {}, make("th", "", { scope: "row", textContent: tokens[i] }), ...row.map((share) => {
    const cell = make("td", "", { textContent: `${Math.round(100 * share)}` });
    cell.style.setProperty("--a", share);
    return cell;
  })));
  return make("table", "curves-map", {}, make("caption", "", { textContent: title }), head, ...body);
}
for (const field of [seer, where, depth]) field.addEventListener("change", look);
seer.addEventListener("change", ask);

const field = (text, ...controls) => make("label", "curves-field", { htmlFor: controls[0].id }, make("span", "", { textContent: text }), ...controls);
root.append(
  make("div", "curves-bar", {}, make("span", "curves-say", { textContent: words.samples }), ...samples, field(words.count, count), clear),
  make("div", "curves-stage", {}, make("div", "curves-left", {}, paper, make("p", "hint", { id: "curves-keys", textContent: words.keys }), note),
    make("div", "curves-right", {}, make("div", "curves-bar", {}, field(words.steps, slider, stepped), play), table, make("p", "hint", { textContent: words.legend }))),
  make("section", "curves-look", {}, make("h3", "", { textContent: words.look }), make("p", "hint", { textContent: words.look_about }),
    make("div", "curves-bar", {}, field(words.seer, seer), field(words.band, band), field(words.at, where), field(words.place, depth)), maps),
);
paper.setAttribute("viewBox", "-500 -300 1000 600");
Object.assign(state, props.opening);
redraw();
watch("value", () => {
  if (!props.value) return;
  if (props.value.own) { // starts that the visitor trained
    for (const name of Object.keys(props.value.own)) if (props.value.own[name] !== state.own[name]) state.shown.add(name);
    state.own = props.value.own;
    state.off.clear();
    seers();
    redraw();
    ask();
    return;
  }
  // a task from a file
  Object.assign(state, { points: props.value.points, truth: null, fitted: null });
  redraw();
  ask();
});
