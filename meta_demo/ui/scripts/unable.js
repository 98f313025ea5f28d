// Greys out the algorithms that cannot learn what is on the cards, and says why. Gradio's list of boxes has no such thing for one box,
// and draws its boxes anew without asking: whenever it does they are greyed again. Given by gr.HTML: element, props, watch.

const line = element.querySelector(".unable-why");
let watched = null;

function grey() {
  const { names = [], why = "", said = "" } = props.value || {};
  observe();
  document.querySelectorAll("#algorithms .wrap > label").forEach((label) => {
    const box = label.querySelector("input");
    const off = names.includes(box.name);
    if (label.classList.contains("unable") !== off) label.classList.toggle("unable", off);
    if (label.title !== (off ? why : "")) label.title = off ? why : "";
    if (box.disabled !== off) box.disabled = off;
  });
  line.textContent = said;
}

function observe() {
  const list = document.querySelector("#algorithms");
  if (!list || list === watched) return;
  watched = list;
  new MutationObserver(grey).observe(list, { childList: true, subtree: true, attributes: true, attributeFilter: ["disabled", "class"] });
}

grey();
watch("value", grey);
