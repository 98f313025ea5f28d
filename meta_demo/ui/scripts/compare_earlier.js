// The last comparisons of this page: one of them can be set beside the table that is there, learner by learner, where both asked about the
// same examples. They are kept here, in the page, and nowhere else. Given by gr.HTML: element, props.

const MOST = 6; // comparisons that are kept, the present one among them
const words = props.words[lang];
const root = element.querySelector(".earlier");
const runs = []; // the oldest first
let present; // the one whose table is there
let chosen = ""; // the one that is set beside it
const list = make("select", "", { id: "earlier-comparison" });
const said = make("div", "earlier-said", { role: "status" });
root.append(make("label", "", { htmlFor: "earlier-comparison", textContent: words.label }), list, said);

const filled = (template, values) => template.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const count = (right) => [...right].filter((one) => one === "1").length;
const share = ({ right, interval }) => [`${Math.round((100 * count(right)) / right.length)}% ${count(right)}/${right.length} `, make("small", "", { textContent: interval })];

// What a table says, once every learner of it has come to an end.
function read(table) {
  const rows = [...table.querySelectorAll("tbody tr")];
  const over = rows.length && rows.every((row) => row.matches("[data-right], [data-failed]"));
  const learners = rows.filter((row) => row.dataset.right).map((row) => [row.dataset.learner, { ...row.dataset }]);
  return over && table.dataset.run ? { ...JSON.parse(table.dataset.run), learners: Object.fromEntries(learners) } : undefined;
}

function since(run) {
  const other = Object.keys(run.facts).filter((key) => run.facts[key] !== present.facts[key]);
  return `${run.at} · ${other.map((key) => run.facts[key]).join(" · ") || words.examples}`;
}

function line([learner, here], before) {
  const [then, now] = [before[learner].right, here.right];
  const more = [...now].filter((one, at) => one === "1" && then[at] === "0").length;
  const fewer = [...now].filter((one, at) => one === "0" && then[at] === "1").length;
  const points = `${more < fewer ? "−" : "+"}${Math.abs(Math.round((100 * (more - fewer)) / now.length))}`;
  const cells = [share(before[learner]), share(here), [filled(words.points, { points, more, fewer })]];
  return make("tr", "", {}, make("th", "", { scope: "row", textContent: here.name }), ...cells.map((cell) => make("td", "", {}, ...cell)));
}

// The two side by side, or why they cannot be.
function beside(run) {
  const both = Object.entries(present.learners).filter(([learner]) => learner in run.learners);
  if (run.asked !== present.asked) return make("p", "note", { textContent: words.other });
  if (!both.length) return make("p", "note", { textContent: words.apart });
  const caption = filled(words.caption, { at: run.at, count: both[0][1].right.length });
  const heads = [words.learner, words.then, words.now, words.difference].map((textContent) => make("th", "", { scope: "col", textContent }));
  const body = make("tbody", "", {}, ...both.map((one) => line(one, run.learners)));
  const table = make("table", "", {}, make("caption", "", { textContent: caption }), make("thead", "", {}, make("tr", "", {}, ...heads)), body);
  return make("div", "measured compared", {}, make("div", "table-box", { tabIndex: 0, role: "region", "aria-label": caption }, table));
}

function show() {
  const others = present ? runs.filter((run) => run !== present) : [];
  root.hidden = !others.length;
  const run = others.find(({ id }) => id === chosen);
  if (!run) chosen = "";
  const options = others.toReversed().map((each) => make("option", "", { value: each.id, textContent: since(each) }));
  list.replaceChildren(make("option", "", { value: "", textContent: words.none }), ...options);
  list.value = chosen;
  said.replaceChildren(...(run ? [beside(run)] : []));
}

document.addEventListener("compared", ({ detail }) => {
  const found = detail && read(detail);
  if (found && present?.id === found.id && present.last === detail) return;
  present = undefined;
  if (found) {
    present = runs.find(({ id }) => id === found.id) || { at: new Date().toLocaleTimeString(document.documentElement.lang) };
    Object.assign(present, found, { last: detail });
    if (!runs.includes(present)) runs.push(present);
    while (runs.length > MOST) runs.splice(runs.findIndex((run) => run !== present), 1);
  }
  show();
});
list.addEventListener("change", () => {
  chosen = list.value;
  show();
});
