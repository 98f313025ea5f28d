// A group of choices of which one is made is one stop of the keyboard, and the arrows go through it; so are the tabs. Gradio gives each
// choice a name of its own, which makes it a group by itself: before the keyboard moves, all of a group get the same.

function group() {
  for (const field of document.querySelectorAll("fieldset[id]")) {
    for (const choice of field.querySelectorAll("input[type=radio]")) if (choice.name !== field.id) choice.name = field.id;
  }
  for (const tab of document.querySelectorAll("[role=tablist] > [role=tab]")) {
    tab.tabIndex = tab.getAttribute("aria-selected") === "true" ? 0 : -1;
  }
}

// Where an arrow leads from one of so many tabs.
function next(key, place, count) {
  if (key === "ArrowRight") return (place + 1) % count;
  if (key === "ArrowLeft") return (place + count - 1) % count;
  return { Home: 0, End: count - 1 }[key] ?? place;
}

document.addEventListener(
  "keydown",
  (event) => {
    if (event.key === "Tab" || event.key.startsWith("Arrow")) group();
    const list = event.target.matches?.("[role=tab]") && [...event.target.parentElement.querySelectorAll("[role=tab]")];
    if (!list) return;
    const [before, after] = [list.indexOf(event.target), next(event.key, list.indexOf(event.target), list.length)];
    if (before === after) return;
    event.preventDefault();
    list[after].focus();
    list[after].click();
  },
  true,
);
