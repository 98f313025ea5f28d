// A tab has an address of its own, so that it can be linked to, and the browser's way back goes through them; the first has the page's.
// The way past everything leads to the button that adapts; there are several such ways.

const tabs = () => [...document.querySelectorAll("#tabs > .tab-wrapper [role=tab]")];
const shown = () => tabs().findIndex((tab) => tab.getAttribute("aria-selected") === "true");
const asked = () => Math.max(0, tabs().findIndex((tab) => `#${tab.dataset.tabId}` === location.hash));

let settled = false; // whether the tab that the address asked for is shown

// The tab that the address says is shown: once more where Gradio, still drawing the page, did not hear it.
function follow(tries = 100) {
  settled = asked() === shown() || tries === 0;
  if (settled) return;
  tabs()[asked()].click();
  setTimeout(() => follow(tries - 1), 50);
}

// The address of the tab that is shown.
function tell() {
  const place = shown();
  if (!settled || place < 0 || place === asked()) return;
  history.pushState(null, "", location.pathname + location.search + (place ? `#${tabs()[place].dataset.tabId}` : ""));
}

function begin() {
  const list = document.querySelector("#tabs > .tab-wrapper");
  if (!list || shown() < 0) {
    requestAnimationFrame(begin);
    return;
  }
  follow();
  new MutationObserver(tell).observe(list, { subtree: true, attributes: true, attributeFilter: ["aria-selected"] });
  addEventListener("popstate", () => follow());
}

// The keyboard stands on a part, once it is there to be stood on.
function land(part, tries = 100) {
  part.focus();
  if (document.activeElement !== part && tries) setTimeout(() => land(part, tries - 1), 50);
}

begin();
document.addEventListener("click", (event) => {
  const way = event.target.closest("a.skip");
  if (!way) return;
  event.preventDefault();
  tabs()[0].click();
  land(document.querySelector(way.hash));
});
