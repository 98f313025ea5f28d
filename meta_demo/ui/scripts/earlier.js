// An earlier run of this page laid over the curves that are there, faint. Given by gr.HTML: element, props; and what keeps runs.

const words = props.words[lang];
const said = make("p", "earlier-said", { role: "status" });
const place = () => document.querySelector("#curves .chart");
// What was held out, or the examples where nothing was.
const lines = (traces) => {
  const drawn = traces.filter((trace) => trace.name);
  return drawn.some(({ meta }) => meta === "query") ? drawn.filter(({ meta }) => meta === "query") : drawn;
};
const end = (trace) => String(trace.customdata.at(-1)).replace(/<.*/s, "");

// The curves of a run in the panels where its algorithms stand now.
function laid(run, present) {
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

// How the learners that are in both ended then and now, whatever they are called beside others.
function compared(run, present) {
  const now = Object.fromEntries(lines(present.data).map((trace) => [trace.uid, end(trace)]));
  const both = lines(run.data).filter(({ uid }) => uid in now);
  const each = ({ name, uid, ...trace }) => words.ended.replace("{name}", name).replace("{then}", end(trace)).replace("{now}", now[uid]);
  return `${words.said.replace("{at}", run.at)} ${both.map(each).join(" ") || words.apart}`;
}

function show(run, present) {
  said.textContent = run ? compared(run, present) : "";
  const before = place().laid?.length || 0;
  place().laid = run ? laid(run, present) : [];
  if (before || run) document.dispatchEvent(new CustomEvent("lay"));
}

const come = keptIn(element.querySelector(".earlier"), "earlier-run", words, said, (run, { kind }) => run.whole && run.kind === kind, show);
document.addEventListener("figured", ({ detail: { place: where, figure } }) => {
  // nothing is like a run that was stopped, which has no name
  if (where === place()) come(figure.run?.id ? { ...figure.run, data: figure.data } : undefined);
});
