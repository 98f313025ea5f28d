// The rows of the grid of examples, one of which can be chosen. Given by gr.HTML: element, props.

const words = props.words[lang];

function outlined() {
  let found = null;
  for (const row of element.querySelectorAll("tr[data-example]")) {
    const chosen = row.dataset.example === window.picked;
    if (chosen) found = row;
    row.classList.toggle("picked", chosen);
    row.querySelector(".pick").setAttribute("aria-pressed", String(chosen));
  }
  return found;
}

function show() {
  const row = outlined();
  if (!row) return;
  reveal(row, row.closest(".table-box"));
  row.scrollIntoView({ block: "nearest" });
}

element.addEventListener("click", (event) => {
  const row = event.target.closest("tr[data-example]");
  if (row) element.querySelector(".picked-said").textContent = pick(row.dataset.example, row.dataset.said);
});
document.addEventListener("picked", ({ detail: found }) => {
  if (outlined()) found.add("grid");
  element.querySelector(".picked-said")?.replaceChildren();
});
new MutationObserver(outlined).observe(element, { childList: true, subtree: true });
onArrival(element, show);
