// An earlier comparison of this page set beside the table that is there, learner by learner, where both asked about the same examples. Given
// by gr.HTML: element, props; and what keeps comparisons.

const words = props.words[lang];
const said = make("div", "earlier-said", { role: "status" });
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

function line([learner, here], before) {
  const [then, now] = [before[learner].right, here.right];
  const more = [...now].filter((one, at) => one === "1" && then[at] === "0").length;
  const fewer = [...now].filter((one, at) => one === "0" && then[at] === "1").length;
  const points = `${more < fewer ? "−" : "+"}${Math.abs(Math.round((100 * (more - fewer)) / now.length))}`;
  const cells = [share(before[learner]), share(here), [filled(words.points, { points, more, fewer })]];
  return make("tr", "", {}, make("th", "", { scope: "row", textContent: here.name }), ...cells.map((cell) => make("td", "", {}, ...cell)));
}

// The two side by side, or why they cannot be.
function beside(run, present) {
  const both = Object.entries(present.learners).filter(([learner]) => learner in run.learners);
  if (run.asked !== present.asked) return make("p", "note", { textContent: words.other });
  if (!both.length) return make("p", "note", { textContent: words.apart });
  const caption = filled(words.caption, { at: run.at, count: both[0][1].right.length });
  const heads = [words.learner, words.then, words.now, words.difference].map((textContent) => make("th", "", { scope: "col", textContent }));
  const body = make("tbody", "", {}, ...both.map((one) => line(one, run.learners)));
  const table = make("table", "", {}, make("caption", "", { textContent: caption }), make("thead", "", {}, make("tr", "", {}, ...heads)), body);
  return make("div", "measured compared", {}, make("div", "table-box", { tabIndex: 0, role: "region", "aria-label": caption }, table));
}

const show = (run, present) => said.replaceChildren(...(run ? [beside(run, present)] : []));
const come = keptIn(element.querySelector(".earlier"), "earlier-comparison", words, said, () => true, show);
let last; // the table that was there
document.addEventListener("compared", ({ detail: table }) => {
  const found = table && read(table);
  if (!found || table !== last) come(found);
  last = found && table;
});
