// The one example that is chosen, in the grid of Compare or on the map: window.picked is its mark. Whatever shows examples outlines it at the
// event "picked", and adds to the event's `found` where. Given by props: `words.picked`.

// Chooses an example, or none where it is chosen already; gives what is to be said of it.
function pick(mark, what) {
  window.picked = mark === window.picked ? null : mark;
  const found = new Set();
  document.dispatchEvent(new CustomEvent("picked", { detail: found }));
  const where = new Intl.ListFormat(lang).format(["grid", "map", "card"].filter((place) => found.has(place)).map((place) => words.picked[place]));
  return window.picked ? words.picked.said.replace(/\{(what|where)\}/g, (_, key) => ({ what, where })[key]) : "";
}
