// A heading before the first of each family in a list of algorithms, left alone where it stands there already: Gradio draws the list anew
// without asking. `families` are their titles and names; `named` says of a choice whose it is.

function headed(list, families, named) {
  const labels = list ? [...list.querySelectorAll(".wrap > label")] : [];
  for (const { title, names } of families) {
    const label = labels.find((each) => names.includes(named(each.querySelector("input"))));
    if (!label) continue;
    const before = label.previousElementSibling;
    const heading = before && before.classList.contains("family") ? before : make("span", "family");
    if (heading.textContent !== title) heading.textContent = title;
    if (heading !== before) label.before(heading);
  }
  // of a family that went
  for (const heading of list ? list.querySelectorAll(".family") : []) {
    const next = heading.nextElementSibling;
    if (!next || next.classList.contains("family")) heading.remove();
  }
}
