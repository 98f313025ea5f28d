// Tokens in two columns, and a line from each that looks to each that it looks at, as strong as its weight: of the token on the left that is
// hovered or focused, or of all. Drawn into every empty .ties. Given by gr.HTML: element, props.

const words = props.words[lang];
const LINE = 22; // pixels between two tokens

function svg(name, attributes = {}, said = "") {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.textContent = said;
  return node;
}

// What `ties.py` tells: names, and the weight of any two tokens.
function toldBy({ names, weights, top, difference }) {
  const bytes = Uint8Array.from(atob(weights), (character) => character.charCodeAt(0));
  const parts = new DataView(bytes.buffer);
  const known = JSON.parse(names);
  const weight = (i, j) => ((2 * parts.getUint16(2 * (i * known.length + j), true)) / 65535 - 1) * top;
  return { names: known, weight, top: Number(top), difference: difference !== undefined };
}

function sentence({ names, weight, difference }, i) {
  const places = names.map((_, j) => j).toSorted((a, b) => Math.abs(weight(i, b)) - Math.abs(weight(i, a)) || a - b);
  const said = places.slice(0, 3).map((j) => {
    const percent = 100 * weight(i, j);
    const sign = difference && percent >= 0 ? "+" : "";
    return `“${names[j]}” ${sign}${percent.toFixed(Math.abs(percent) < 10 ? 1 : 0)}%`;
  });
  const filled = { token: names[i], tokens: said.join(", ") };
  return (difference ? words.change : words.share).replace(/\{(\w+)\}/g, (_, key) => filled[key]);
}

const middle = (place) => LINE * (place + 0.5);

function linesOf({ names, weight, top, difference }) {
  return names.map((_, i) =>
    names.map((__, j) => {
      const ends = { x1: "36%", x2: "64%", y1: middle(i), y2: middle(j) };
      const name = difference && weight(i, j) > 0 ? "tie more" : "tie";
      return svg("line", { ...ends, class: name, "stroke-opacity": (Math.abs(weight(i, j)) / top).toFixed(3) });
    }),
  );
}

function namesAt(names, x, anchor, more) {
  return names.map((name, place) => {
    const short = name.length > 14 ? `${name.slice(0, 13)}…` : name;
    return svg("text", { x, y: middle(place) + 4, "text-anchor": anchor, ...more(name, place) }, short);
  });
}

function draw(box) {
  const told = toldBy(box.dataset);
  const { names } = told;
  const note = make("p", "summary", { role: "status", textContent: words.hint });
  const lines = linesOf(told);
  const looking = namesAt(names, "35%", "end", (name, place) => ({ class: "tie-from", role: "button", "aria-label": name, tabindex: place ? -1 : 0 }));
  const seen = namesAt(names, "65%", "start", () => ({ class: "tie-to" }));
  const picture = svg("svg", { width: "100%", height: LINE * names.length, role: "group", "aria-label": words.about });
  picture.append(...lines.flat(), ...looking, ...seen);

  function show(i) {
    lines.forEach((row, place) => row.forEach((line) => line.classList.toggle("away", i >= 0 && place !== i)));
    looking.forEach((name, place) => name.classList.toggle("looks", place === i));
    note.textContent = i >= 0 ? sentence(told, i) : words.hint;
  }
  const focused = () => looking.indexOf(document.activeElement);
  looking.forEach((name, i) => {
    name.addEventListener("pointerenter", () => show(i));
    name.addEventListener("pointerleave", () => show(focused()));
    name.addEventListener("focus", () => show(i));
    name.addEventListener("blur", () => show(-1));
  });
  picture.addEventListener("keydown", (event) => {
    const [i, last] = [focused(), looking.length - 1];
    const ways = { ArrowDown: i + 1, ArrowUp: i - 1, Home: 0, End: last };
    if (i < 0 || !(event.key in ways)) return;
    event.preventDefault();
    const next = looking[Math.min(Math.max(ways[event.key], 0), last)];
    looking[i].setAttribute("tabindex", -1);
    next.setAttribute("tabindex", 0);
    next.focus();
  });
  box.append(make("p", "hint", { textContent: words.about }), picture, note);
}

const drawAll = () => element.querySelectorAll(".ties:empty").forEach(draw);
drawAll();
new MutationObserver(drawAll).observe(element, { childList: true, subtree: true });
