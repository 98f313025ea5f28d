// What the visitor types into Gradio's own text boxes is counted here, and an answer of the server says which of these edits it has seen. One
// that was asked for before the last of them has come too late: what the visitor typed is put back. Given by gr.HTML: props, watch.

window.edits ||= {};
const made = {}; // each box's text as the visitor left it
const field = (place) => document.querySelector(`#${place} textarea`);
for (const place of props.boxes) window.edits[place] = 0;

document.addEventListener("input", ({ target, isTrusted }) => {
  const place = isTrusted && props.boxes.find((box) => target === field(box));
  if (!place) return;
  window.edits[place] += 1;
  made[place] = target.value;
  document.dispatchEvent(new CustomEvent("edited", { detail: { place, value: target.value } }));
});

// Gradio takes for typed what its box says was put in.
function putBack(place) {
  const box = field(place);
  if (!box || box.value === made[place]) return;
  box.value = made[place];
  box.dispatchEvent(new Event("input", { bubbles: true }));
}

watch("value", () => {
  const late = Object.entries(props.value?.seen || {}).filter(([place, seen]) => seen < window.edits[place]);
  requestAnimationFrame(() => late.forEach(([place]) => putBack(place))); // once the answer stands in the box
});
