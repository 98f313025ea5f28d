// The last runs of this page: one of them can be laid over the curves that are there, faint, and is named by its time and by what has
// changed since. They are kept here, in the page, and nowhere else. Given by gr.HTML: element, props.

const MOST = 6; // runs that are kept, the present one among them
const words = props.words[lang];
const root = element.querySelector(".earlier");
const runs = []; // the oldest first
let present; // the run whose curves are there
let chosen = ""; // the one that is laid over them
const list = make("select", "", { id: "earlier-run" });
const said = make("p", "earlier-said", { role: "status" });
root.append(make("label", "", { htmlFor: "earlier-run", textContent: words.label }), list, said);

const place = () => document.querySelector("#curves .chart");
// What was held out, or the examples where nothing was.
const lines = (traces) => {
  const drawn = traces.filter((trace) => trace.name);
  return drawn.some(({ meta }) => meta === "query") ? drawn.filter(({ meta }) => meta === "query") : drawn;
};
const end = (trace) => String(trace.customdata.at(-1)).replace(/<.*/s, "");

function since(run) {
  const other = Object.keys(run.facts).filter((key) => run.facts[key] !== present.facts[key]);
  return `${run.at} · ${other.map((key) => run.facts[key]).join(" · ") || words.examples}`;
}

// The curves of the chosen run in the panels where its algorithms stand now.
function laid(run) {
  const panels = Object.fromEntries(lines(present.data).map(({ legendgroup, xaxis, yaxis }) => [legendgroup, { xaxis, yaxis }]));
  return lines(run.data)
    .filter(({ legendgroup }) => panels[legendgroup])
    .map(({ name, legendgroup, line, x, y, customdata }) => ({
      type: "scatter",
      mode: "lines",
      name: "",
      showlegend: false,
      x,
      y,
      customdata,
      hovertemplate: `${name} · ${run.at}<br>%{customdata}`,
      opacity: 0.55,
      line: { color: line.color, dash: "1px,3px", width: 3 },
      ...panels[legendgroup],
    }));
}

// How the learners that are in both ended then and now.
function compared(run) {
  const now = Object.fromEntries(lines(present.data).map((trace) => [trace.name, end(trace)]));
  const both = lines(run.data).filter(({ name }) => name in now);
  const each = ({ name, ...trace }) => words.ended.replace("{name}", name).replace("{then}", end(trace)).replace("{now}", now[name]);
  return `${words.said.replace("{at}", run.at)} ${both.map(each).join(" ") || words.apart}`;
}

function show() {
  const others = runs.filter((run) => run !== present && run.whole && run.kind === present?.kind);
  root.hidden = !others.length;
  const run = others.find(({ id }) => id === chosen);
  if (!run) chosen = "";
  const options = others.toReversed().map((each) => make("option", "", { value: each.id, textContent: since(each) }));
  list.replaceChildren(make("option", "", { value: "", textContent: words.none }), ...options);
  list.value = chosen;
  said.textContent = run ? compared(run) : "";
  const before = place().laid?.length || 0;
  place().laid = run ? laid(run) : [];
  if (before || run) document.dispatchEvent(new CustomEvent("lay"));
}

document.addEventListener("figured", ({ detail: { place: where, figure } }) => {
  if (where !== place()) return;
  present = undefined;
  if (!figure.run?.id) return show(); // of a run that was stopped: nothing is like it
  const known = runs.find(({ id }) => id === figure.run.id);
  const now = known || { at: new Date().toLocaleTimeString(document.documentElement.lang) };
  Object.assign(now, figure.run, { data: figure.data });
  if (!known) runs.push(now);
  present = now;
  while (runs.length > MOST) runs.splice(runs.findIndex((run) => run !== present), 1);
  return show();
});
list.addEventListener("change", () => {
  chosen = list.value;
  show();
});
