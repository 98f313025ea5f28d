// A button that walks the slider of inner steps to its end, and a line through the curves where the slider stands. Given by gr.HTML: element, props.

const EVERY = 700; // milliseconds for a step: time to read the answers
const words = props.words[lang];
const still = matchMedia("(prefers-reduced-motion: reduce)");
const slider = () => document.querySelector("#step input[type=range]");
const charts = () => [...document.querySelectorAll("#curves .chart, #losses .chart")].filter((place) => place.data);
let walking; // the timer of a walk
let drawn = ""; // where the line stands
let told; // the step that was told last

const play = button("walk", `▶ ${words.play}`, () => (walking ? halt() : walk()));
element.querySelector(".walk-place").append(play);

function line(axis, step) {
  const across = { x0: step, x1: step, y0: 0, y1: 1, xref: `x${axis}`, yref: `y${axis} domain` };
  return { type: "line", layer: "below", line: { color: "#8a94a3", width: 1.5 }, ...across };
}

function mark() {
  const [range, places] = [slider(), charts()];
  const step = range?.checkVisibility() ? Number(range.value) : null;
  if (step !== told) {
    told = step;
    document.dispatchEvent(new CustomEvent("stepped")); // whatever else moves with the slider
  }
  if (!places.length || drawn === String(step)) return;
  drawn = String(step);
  for (const place of places) {
    const there = Object.keys(place.layout).filter((name) => /^yaxis\d*$/.test(name)).map((name) => name.slice(5));
    window.Plotly.relayout(place, { shapes: step === null ? [] : there.map((axis) => line(axis, step)) });
  }
}

function go(step) {
  const range = slider();
  range.value = step;
  range.dispatchEvent(new Event("input", { bubbles: true }));
}

function halt() {
  clearInterval(walking);
  walking = null;
  play.textContent = `▶ ${words.play}`;
}

function walk() {
  const [now, end] = [Number(slider().value), Number(slider().max)];
  if (still.matches) {
    go(now < end ? end : 0);
    return;
  }
  if (now >= end) go(0);
  play.textContent = `❚❚ ${words.pause}`;
  walking = setInterval(() => {
    const range = slider();
    if (!range || Number(range.value) >= Number(range.max)) halt();
    else go(Number(range.value) + 1);
  }, EVERY);
}

document.addEventListener("drawn", () => {
  drawn = ""; // a new figure has no line
  mark();
});
document.addEventListener("click", (event) => event.target.closest("#start, #modality") && halt(), true);
// Gradio says nothing of a slider that it moves itself, but paints it anew.
new MutationObserver(mark).observe(element.closest(".sheet"), { subtree: true, childList: true, attributeFilter: ["style", "class", "hidden"] });
