// Attention painted over the picture it was paid to: one square per patch, as strong as its share. A click on a patch, or on one of
// the tokens that stand for no patch, triggers "select": look with its eyes. The document hears of each map as "looked". Given by gr.HTML: element, trigger, props, watch.

const words = props.words[lang];
const root = element.querySelector(".overlay");
const CELL = 40; // pixels of the canvas for a patch's side

const picture = make("img", "", { alt: words.seen });
const heat = make("canvas", "", {});
const note = make("output", "overlay-share", {});
const title = make("h3", "", {});
const subtitle = make("p", "caption", {});
const stage = make("div", "overlay-stage", {}, picture, heat);
const opacity = make("input", "", { type: "range", min: 0, max: 1, step: 0.01, value: 0.75 });
opacity.setAttribute("aria-label", words.opacity);
const others = make("div", "overlay-tokens", {});
root.append(
  title,
  subtitle,
  stage,
  make("label", "overlay-opacity", {}, make("span", "", { textContent: words.opacity }), opacity, note),
  others,
);
opacity.addEventListener("input", () => (heat.style.opacity = opacity.value));

function draw() {
  const map = props.value;
  root.hidden = !map;
  if (!map) {
    document.dispatchEvent(new CustomEvent("looked"));
    return;
  }
  [title.textContent, subtitle.textContent] = map.title;
  picture.src = map.picture;
  stage.style.aspectRatio = `${map.columns} / ${map.rows}`;
  heat.width = map.columns * CELL;
  heat.height = map.rows * CELL;
  heat.style.opacity = opacity.value;
  const context = heat.getContext("2d");
  map.shares.forEach((share, place) => {
    const [x, y] = [(place % map.columns) * CELL, Math.floor(place / map.columns) * CELL];
    context.fillStyle = share < 0 || !map.difference ? "#2654d6" : "#d54600";
    context.globalAlpha = Math.min(1, Math.abs(share) / map.top);
    context.fillRect(x, y, CELL, CELL);
    if (place !== map.chosen) return;
    context.globalAlpha = 1;
    context.lineWidth = 5;
    context.strokeStyle = "#111";
    context.strokeRect(x + 2.5, y + 2.5, CELL - 5, CELL - 5);
  });
  others.replaceChildren(
    ...map.tokens.map(({ index, name, share, pressed }) => {
      const node = button("tool", share === null ? name : `${name} · ${share}`, () => trigger("select", { index }));
      node.setAttribute("aria-pressed", pressed);
      return node;
    }),
  );
  note.textContent = "";
  document.dispatchEvent(new CustomEvent("looked", { detail: { heat, picture: map.picture, title: map.title[0] } }));
}

function patchAt(event) {
  const area = heat.getBoundingClientRect();
  const column = Math.floor(((event.clientX - area.left) / area.width) * props.value.columns);
  const row = Math.floor(((event.clientY - area.top) / area.height) * props.value.rows);
  const inside = column >= 0 && row >= 0 && column < props.value.columns && row < props.value.rows;
  return inside ? row * props.value.columns + column : null;
}
heat.addEventListener("pointermove", (event) => {
  const place = patchAt(event);
  if (place !== null) note.textContent = props.value.names[place];
});
heat.addEventListener("pointerleave", () => (note.textContent = ""));
heat.addEventListener("click", (event) => {
  const place = patchAt(event);
  if (place !== null) trigger("select", { index: props.value.prefix + place });
});
draw();
watch("value", draw);
