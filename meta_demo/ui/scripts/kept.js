// The last of what this page has come to, runs or comparisons: one of them can be laid over or set beside the one that is there, and is named by
// its time and by what has changed since. They are kept here, in the page, and nowhere else. `words` are those of the list, `root` is where it
// stands; `alike` says whether two can be seen together, `show` shows the chosen one, or none, and the present one.

const MOST = 6; // that are kept, the present one among them

// What takes the one that is there from now on, undefined where there is none.
function keptIn(root, id, words, said, alike, show) {
  const kept = []; // the oldest first
  let present;
  let chosen = ""; // the id of the one that is shown too
  const list = make("select", "", { id });
  root.append(make("label", "", { htmlFor: id, textContent: words.label }), list, said);

  function since({ at, facts }) {
    const other = Object.keys(facts).filter((key) => facts[key] !== present.facts[key]);
    return `${at} · ${other.map((key) => facts[key]).join(" · ") || words.examples}`;
  }

  function draw() {
    const others = present ? kept.filter((one) => one !== present && alike(one, present)) : [];
    root.hidden = !others.length;
    const found = others.find((one) => one.id === chosen);
    if (!found) chosen = "";
    const options = others.toReversed().map((one) => make("option", "", { value: one.id, textContent: since(one) }));
    list.replaceChildren(make("option", "", { value: "", textContent: words.none }), ...options);
    list.value = chosen;
    show(found, present);
  }

  list.addEventListener("change", () => {
    chosen = list.value;
    draw();
  });
  return (now) => {
    present = now && (kept.find((one) => one.id === now.id) || { at: new Date().toLocaleTimeString(document.documentElement.lang) });
    if (present) Object.assign(present, now);
    if (present && !kept.includes(present)) kept.push(present);
    while (kept.length > MOST) kept.splice(kept.findIndex((one) => one !== present), 1);
    draw();
  };
}
