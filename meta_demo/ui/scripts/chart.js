// A plotly figure that is redrawn in place, so that a streaming chart does not flicker: gr.Plot builds a new one for each update.
// Given by gr.HTML: element, props, watch; LIBRARY stands before: no property, as Gradio forgets those of what was never seen.

const place = element.querySelector(".chart");
let waiting = false;
let told = null; // the value that was told last
let across = 0; // how wide the place was when it was drawn last

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

// The lines that a text is broken into, of at most so many letters.
function broken(text, most) {
  const lines = [""];
  for (const word of text.split(" ")) {
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (longer.length <= most || !lines.at(-1)) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

// A layout whose titles are as wide as there is room, and which is higher by the lines that they have more.
function fitted(layout, width) {
  let more = 0;
  for (const note of (layout.annotations || []).filter(({ name }) => name === "title").toReversed()) {
    const lines = broken(note.text, (width - layout.margin.l) / (0.57 * note.font.size));
    more += (lines.length - 1) * 1.3 * note.font.size;
    Object.assign(note, { text: lines.join("<br>"), align: "left", yshift: note.yshift + more });
  }
  if (!more) return layout;
  return { ...layout, height: layout.height + more, margin: { ...layout.margin, t: layout.margin.t + more } };
}

async function draw() {
  if (waiting) return; // the frame that is due draws the newest figure anyway
  waiting = true;
  const plotly = await library();
  await new Promise(requestAnimationFrame);
  waiting = false;
  const figure = props.value && whole(JSON.parse(JSON.stringify(props.value))); // plotly writes into what it is given
  place.classList.toggle("filled", Boolean(figure)); // which shows it, where the style sheet hides what is empty
  if (!figure) {
    if (place.data) plotly.purge(place);
    return;
  }
  place.setAttribute("aria-label", figure.layout.meta);
  if (told !== props.value) {
    told = props.value;
    document.dispatchEvent(new CustomEvent("figured", { detail: { place, figure: whole(props.value) } }));
  }
  across = place.clientWidth;
  if (!across) return; // out of sight: it is drawn once it is seen
  await plotly.react(place, [...(place.laid || []).map((trace) => ({ ...trace })), ...figure.data], fitted(figure.layout, across), { responsive: true, displayModeBar: false });
  document.dispatchEvent(new CustomEvent("drawn"));
}

// To read the library takes a browser longer than all the rest of the page: where nothing is to be drawn yet, that can wait.
if (props.value) draw();
else (window.requestIdleCallback || setTimeout)(library);
watch("value", draw);
document.addEventListener("lay", () => place.data && draw()); // something is laid under the figure, or no longer
new ResizeObserver(() => {
  if (props.value && place.clientWidth && place.clientWidth !== across) draw().then(() => place.data && window.Plotly.Plots.resize(place));
}).observe(place);
