// Examples as points that move with the slider of steps, the centres of classes, and what is tried. Given by gr.HTML: element, props, watch.

const words = props.words[lang];
const root = element.querySelector(".plane");
const picture = svg("svg", { role: "group" });
const chosen = make("p", "picked-said", { role: "status" });
const note = make("p", "summary");
const legend = make("ul", "plane-legend");
const FINE = 65535;
const HIGHEST = 440; // pixels
const stage = make("div", "plane-stage", {}, picture);
root.append(stage, make("div", "plane-words", {}, legend, note, make("p", "hint", { textContent: words.keys }), chosen));
let parts = null; // what is drawn: lines, points, centres and the mark of what is tried
let scale = null;

function svg(name, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function fill(sentence, values) {
  return sentence.replace(/\{(\w+)\}/g, (_, key) => values[key]);
}

function places(map) {
  const bytes = Uint8Array.from(atob(map.points), (character) => character.charCodeAt(0));
  const shares = new DataView(bytes.buffer);
  const count = map.classes.length;
  const share = (cell, axis) => shares.getUint16(4 * cell + 2 * axis, true) / FINE;
  return map.steps.map((_, t) => map.classes.map((__, i) => [share(t * count + i, 0), share(t * count + i, 1)]));
}

function at([x, y]) {
  return [x * scale, (props.value.box[1] - y) * scale]; // upwards, as in a chart
}

function put(node, place) {
  const [x, y] = at(place);
  node.style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
}

// An example by its label, and by its words where it has any.
function called(i) {
  const { labels, classes, said } = props.value;
  return [labels[classes[i]].name, said[i]].filter(Boolean).join(": ");
}

function build() {
  const map = props.value;
  root.hidden = !map;
  if (!map || !stage.clientWidth) return;
  const [wide, high] = map.box;
  scale = Math.min((stage.clientWidth - 2) / wide, HIGHEST / high);
  picture.setAttribute("width", wide * scale);
  picture.setAttribute("height", high * scale);
  const dots = places(map);
  const colour = (c) => map.labels[c].colour;
  const lines = map.classes.map((c) => svg("line", { stroke: colour(c), class: "plane-trail" }));
  const points = map.classes.map((c, i) => {
    const title = svg("title");
    title.textContent = called(i);
    const how = { role: "button", tabindex: i ? -1 : 0, "aria-label": called(i) };
    return svg("circle", { r: 5.5, fill: colour(c), class: "plane-point", ...how }, title);
  });
  const centres = map.labels.map(({ name, colour: fillColour }) => {
    const title = svg("text", { x: 11, y: 4 });
    title.textContent = name.length > 24 ? `${name.slice(0, 23)}…` : name;
    return svg("g", { class: "plane-centre" }, svg("path", { d: "M0-8 8 0 0 8-8 0Z", fill: fillColour }), title);
  });
  const star = svg("path", { d: "M0-11 3-4 11-4 5 1 7 9 0 4-7 9-5 1-11-4-3-4Z", class: "plane-tried" });
  picture.replaceChildren(...lines, ...points, ...centres, star);
  legend.replaceChildren(
    ...map.labels.map((label) => {
      const item = make("li", "", { textContent: label.name });
      item.style.setProperty("--k", label.colour);
      return item;
    }),
  );
  parts = { dots, lines, points, centres, star };
  outlined();
  move();
}

// The points of the example that is chosen, here or in the grid of Compare.
function outlined() {
  const found = (parts?.points || []).filter((point, i) => {
    const mine = props.value.marks[i] === window.picked;
    point.classList.toggle("picked", mine);
    point.setAttribute("aria-pressed", String(mine));
    return mine;
  });
  return found.length > 0;
}

function choose(point) {
  const i = parts.points.indexOf(point);
  if (i >= 0) chosen.textContent = pick(props.value.marks[i], called(i));
}

// One of the points takes the focus of the keyboard, and arrows hand it on.
function walk(event) {
  const i = parts.points.indexOf(event.target);
  if (i < 0) return;
  const last = parts.points.length - 1;
  const ways = { ArrowRight: i + 1, ArrowDown: i + 1, ArrowLeft: i - 1, ArrowUp: i - 1, Home: 0, End: last };
  const next = Math.min(Math.max(ways[event.key] ?? i, 0), last);
  if (event.key in ways) {
    event.target.setAttribute("tabindex", -1);
    parts.points[next].setAttribute("tabindex", 0);
    parts.points[next].focus();
  } else if (event.key === "Enter" || event.key === " ") choose(event.target);
  else return;
  event.preventDefault();
}

function step() {
  const range = document.querySelector("#step input[type=range]");
  return range?.checkVisibility() ? Number(range.value) : Number.POSITIVE_INFINITY;
}

function middle(dots, c) {
  const mine = dots.filter((_, i) => props.value.classes[i] === c);
  return [0, 1].map((axis) => mine.reduce((sum, place) => sum + place[axis], 0) / mine.length);
}

function move() {
  const map = props.value;
  if (!map || !parts) return;
  const index = Math.max(0, map.steps.findLastIndex((one) => one <= step()));
  const now = parts.dots[index];
  now.forEach((place, i) => {
    put(parts.points[i], place);
    const [[x1, y1], [x2, y2]] = [at(parts.dots[0][i]), at(place)];
    for (const [key, value] of Object.entries({ x1, y1, x2, y2 })) parts.lines[i].setAttribute(key, value.toFixed(1));
  });
  const middles = parts.centres.map((_, c) => middle(now, c));
  parts.centres.forEach((centre, c) => put(centre, middles[c]));
  write(middles.map(at), now.map(at));
  const tried = props.tried;
  parts.star.style.display = tried ? "" : "none";
  if (tried) put(parts.star, inside(tried));
  const said = sentences(map, index, tried).join(" ");
  note.textContent = said;
  picture.setAttribute("aria-label", said);
}

// Where a name may stand beside its centre, the better first: on either side, above or beneath, and further up and down.
const SPOTS = [[11, 4, "start"], [-11, 4, "end"], [0, -13, "middle"], [0, 22, "middle"]];
for (const off of [17, -17, 34, -34, 51, -51]) SPOTS.push([11, 4 + off, "start"], [-11, 4 + off, "end"]);
const meet = (one, other) => one[0] < other[1] && other[0] < one[1] && one[2] < other[3] && other[2] < one[3];

// The names of the centres, none over another or over the edge: where there is no room for one, the list beside the map has it.
function write(middles, dots) {
  const [right, bottom] = props.value.box.map((side) => side * scale);
  const taken = [];
  parts.centres.forEach((centre, c) => {
    const name = centre.lastChild;
    name.style.display = "";
    const wide = name.getComputedTextLength() + 4;
    const found = SPOTS.map(([dx, dy, anchor]) => {
      const left = middles[c][0] + dx - { start: 2, middle: wide / 2, end: wide - 2 }[anchor];
      const box = [left, left + wide, middles[c][1] + dy - 13, middles[c][1] + dy + 4];
      const free = box[0] >= 0 && box[1] <= right && box[2] >= 0 && box[3] <= bottom && !taken.some((other) => meet(box, other));
      const spot = ([x, y], r) => meet(box, [x - r, x + r, y - r, y + r]);
      const covers = middles.filter((place, other) => other !== c && spot(place, 8)).length * 10 + dots.filter((place) => spot(place, 5)).length;
      return { dx, dy, anchor, box, free, covers };
    }).filter(({ free }) => free);
    const best = found.toSorted((a, b) => a.covers - b.covers)[0]; // of equals the first
    name.style.display = best ? "" : "none";
    if (!best) return;
    taken.push(best.box);
    for (const [key, value] of Object.entries({ x: best.dx, y: best.dy, "text-anchor": best.anchor })) name.setAttribute(key, value);
  });
}

function inside({ x, y }) {
  const [wide, high] = props.value.box;
  return [Math.min(Math.max(x, 0.02), wide - 0.02), Math.min(Math.max(y, 0.02), high - 0.02)];
}

function sentences(map, index, tried) {
  const still = map.steps.length === 1;
  const alone = map.classes.length === map.labels.length; // then each example is its class's centre
  const ends = { first: map.between[0], now: map.between[index], within: map.within[0], close: map.within[index] };
  const values = { ...ends, step: map.steps[index], share: Math.round(100 * map.share) };
  const said = [fill(words.about, values), fill(still ? words.still : alone ? words.one : words.moved, values)];
  if (map.classes.length < map.whole) said.push(fill(words.some, { count: map.classes.length, whole: map.whole }));
  if (tried) {
    const [x, y] = inside(tried);
    said.push(fill(words.tried, { nearest: tried.nearest }));
    if (x !== tried.x || y !== tried.y) said.push(words.outside);
  }
  return said;
}

build();
watch("value", build);
for (const [name, act] of Object.entries({ tried: move })) watch(name, act); // Gradio takes what is quoted here for the name of an event
document.addEventListener("stepped", move);
picture.addEventListener("click", (event) => choose(event.target));
picture.addEventListener("keydown", walk);
document.addEventListener("picked", ({ detail: found }) => {
  if (!root.hidden && outlined()) found.add("map");
  chosen.textContent = "";
});
new ResizeObserver(build).observe(element);
