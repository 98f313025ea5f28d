// Every layer and head at a glance: a table of small maps, rows are layers and columns heads. A click triggers "select".
// Given by gr.HTML: element, trigger, props, watch.

const words = props.words[lang];
const root = element.querySelector(".atlas");
const paper = make("canvas", "", { role: "img" });
const frame = make("i", "atlas-chosen", {});
const note = make("output", "atlas-note", {});
root.append(make("p", "caption", { textContent: words.about }), make("div", "atlas-stage", {}, paper, frame), note);
paper.setAttribute("aria-label", words.about);

function draw() {
  const atlas = props.value;
  root.hidden = !atlas;
  if (!atlas) return;
  const { layers, heads, rows, columns, difference } = atlas;
  const shares = Uint8Array.from(atob(atlas.shares), (character) => character.charCodeAt(0));
  paper.width = heads * (columns + 1) - 1; // a pixel between two maps
  paper.height = layers * (rows + 1) - 1;
  const context = paper.getContext("2d");
  const image = context.createImageData(paper.width, paper.height);
  shares.forEach((share, at) => {
    const [column, row] = [at % columns, Math.floor(at / columns) % rows];
    const map = Math.floor(at / (columns * rows));
    const [x, y] = [(map % heads) * (columns + 1) + column, Math.floor(map / heads) * (rows + 1) + row];
    const more = difference && share > 128;
    const strength = difference ? Math.min(255, Math.abs(share - 128) * 2) : share;
    image.data.set([...(more ? [213, 70, 0] : [38, 84, 214]), 14 + Math.round(strength * 0.94)], 4 * (y * paper.width + x));
  });
  context.putImageData(image, 0, 0);
  const [layer, head] = atlas.chosen;
  frame.style.cssText = `left:${(100 * head) / heads}%;width:${100 / heads}%;top:${(100 * layer) / layers}%;height:${100 / layers}%`;
  if (head < 0) frame.style.cssText = `left:0;width:100%;top:${(100 * layer) / layers}%;height:${100 / layers}%`;
}

function mapAt(event) {
  const area = paper.getBoundingClientRect();
  const layer = Math.floor(((event.clientY - area.top) / area.height) * props.value.layers);
  const head = Math.floor(((event.clientX - area.left) / area.width) * props.value.heads);
  return { layer: Math.min(Math.max(layer, 0), props.value.layers - 1), head: Math.min(Math.max(head, 0), props.value.heads - 1) };
}
paper.addEventListener("pointermove", (event) => {
  const { layer, head } = mapAt(event);
  note.textContent = words.place.replace("{layer}", layer + 1).replace("{head}", head + 1);
});
paper.addEventListener("pointerleave", () => (note.textContent = ""));
paper.addEventListener("click", (event) => trigger("select", mapAt(event)));
draw();
watch("value", draw);
