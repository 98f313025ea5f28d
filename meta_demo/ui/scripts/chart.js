// A plotly figure that is redrawn in place, so that a streaming chart does not flicker: gr.Plot builds a new one for each update.
// Given by gr.HTML: element, props, watch; LIBRARY stands before: no property, as Gradio forgets those of what was never seen.

const place = element.querySelector(".chart");
let waiting = false;
let told = null; // the value that was told last

function library() {
  window.plotlyLoading ||= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = LIBRARY;
    script.addEventListener("load", () => resolve(window.Plotly));
    script.addEventListener("error", reject);
    document.head.append(script);
  });
  return window.plotlyLoading;
}

// The figure that is told; of one that grows curves and notes come by their names.
function whole({ order, traces, noted, notes, ...figure }) {
  if (!traces) return figure;
  const layout = { ...figure.layout, annotations: noted.map((name) => notes[name]) };
  return { ...figure, data: order.map((uid) => ({ uid, ...traces[uid] })), layout };
}

async function draw() {
  if (waiting) return; // the frame that is due draws the newest figure anyway
  waiting = true;
  const plotly = await library();
  await new Promise(requestAnimationFrame);
  waiting = false;
  const figure = props.value && whole(JSON.parse(JSON.stringify(props.value))); // plotly writes into what it is given
  if (!figure) {
    if (place.data) plotly.purge(place);
    return;
  }
  place.setAttribute("aria-label", figure.layout.meta);
  if (told !== props.value) {
    told = props.value;
    document.dispatchEvent(new CustomEvent("figured", { detail: { place, figure: whole(props.value) } }));
  }
  await plotly.react(place, [...(place.laid || []).map((trace) => ({ ...trace })), ...figure.data], figure.layout, { responsive: true, displayModeBar: false });
  document.dispatchEvent(new CustomEvent("drawn"));
}

// To read the library takes a browser longer than all the rest of the page: where nothing is to be drawn yet, that can wait.
if (props.value) draw();
else (window.requestIdleCallback || setTimeout)(library);
watch("value", draw);
document.addEventListener("lay", () => place.data && draw()); // something is laid under the figure, or no longer
new ResizeObserver(() => {
  if (place.data && place.clientWidth) window.Plotly.Plots.resize(place);
}).observe(place);
