// Sorts the rows of a table by the heading that was pressed, and again whenever the table is drawn anew. A row that is pressed triggers
// "select" with its learner's place. Given by gr.HTML: element, trigger.

let sorting = null;
let chosen = null; // the place of the learner that was pressed last
let focused = null; // how the button is found again that has the keyboard's focus, when a new table takes its place

function worth(row) {
  const cell = row.cells[sorting.column];
  const said = cell?.dataset.sort ?? "";
  return sorting.column ? Number.parseFloat(said) : said;
}

function compareRows(one, other) {
  const [a, b] = [worth(one), worth(other)];
  if (sorting.column === 0) return a.localeCompare(b) * sorting.way;
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b); // what is not known yet comes last
  return (a - b) * sorting.way;
}

function press() {
  for (const name of element.querySelectorAll(".closer")) name.setAttribute("aria-pressed", String(name.dataset.place === chosen));
}

function wayTo(node) {
  if (node.matches(".closer")) return `.closer[data-place="${node.dataset.place}"]`;
  const heading = node.closest("thead th");
  return heading ? `thead th:nth-child(${heading.cellIndex + 1}) button` : node.matches(".table-box") ? ".table-box" : null;
}

// A button that is taken out of the page leaves the focus nowhere; one that the visitor leaves hands it on.
function refocus() {
  if (focused && document.activeElement === document.body) element.querySelector(focused)?.focus({ preventScroll: true });
}

function arrange() {
  press();
  const body = element.querySelector("tbody");
  if (!sorting || !body) return;
  for (const heading of element.querySelectorAll("thead th")) heading.removeAttribute("aria-sort");
  const heading = element.querySelectorAll("thead th")[sorting.column];
  heading.setAttribute("aria-sort", sorting.way > 0 ? "ascending" : "descending");
  const rows = [...body.rows];
  const sorted = rows.toSorted(compareRows);
  if (sorted.some((row, place) => row !== rows[place])) body.append(...sorted);
}

function redrawn() {
  arrange();
  document.dispatchEvent(new CustomEvent("compared", { detail: element.querySelector(".compared") }));
  refocus();
}

element.addEventListener("focusin", (event) => (focused = wayTo(event.target)));
document.addEventListener("focusin", (event) => element.contains(event.target) || (focused = null));
document.addEventListener("pointerdown", (event) => element.contains(event.target) || (focused = null));

element.addEventListener("click", (event) => {
  const name = event.target.closest("tr[data-done]")?.querySelector(".closer");
  if (name) {
    chosen = name.dataset.place;
    press();
    trigger("select", { place: Number(chosen) });
  }
  const pressed = event.target.closest("thead button");
  if (!pressed) return;
  const column = pressed.closest("th").cellIndex;
  const first = pressed.dataset.first === "up" ? 1 : -1;
  sorting = { column, way: sorting?.column === column ? -sorting.way : first };
  arrange();
});
new MutationObserver(redrawn).observe(element, { childList: true, subtree: true });
