// Bringing what was chosen elsewhere into view, without taking the page away from where the visitor is.

// Scrolls `box`, and nothing around it, so far that `node` is seen.
function reveal(node, box) {
  const [inner, outer] = [node.getBoundingClientRect(), box.getBoundingClientRect()];
  if (inner.top < outer.top) box.scrollTop -= outer.top - inner.top + 8;
  else if (inner.bottom > outer.bottom) box.scrollTop += Math.min(inner.bottom - outer.bottom + 8, inner.top - outer.top);
}

// Calls `arrive` when `node` comes to be seen after something was chosen while it was not, as another tab hides it.
function onArrival(node, arrive) {
  let due = false;
  document.addEventListener("picked", () => (due = !node.checkVisibility()));
  new ResizeObserver(() => {
    if (!due || !node.checkVisibility()) return;
    due = false;
    arrive();
  }).observe(node);
}
