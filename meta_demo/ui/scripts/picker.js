// Puts the algorithms under their families, shows those that are chosen and the others on demand, greys out those that cannot learn what is
// on the cards, and says why. Gradio's list of boxes has none of it, and draws its boxes anew without asking: whenever it does, all of it
// is done again. What it says and the families come with the page: nothing here waits for the server, except which algorithms are greyed
// out. Given by gr.HTML: element, props, watch.

const words = props.words[lang];
const line = element.querySelector(".unable-why");
const more = element.querySelector(".more");
let watched = null;
let open = false;

const boxes = () => [...document.querySelectorAll("#algorithms .wrap > label")];

function grey() {
  const { names = [], why = "", said = "" } = props.value || {};
  for (const label of boxes()) {
    const box = label.querySelector("input");
    const off = names.includes(box.name);
    if (label.classList.contains("unable") !== off) label.classList.toggle("unable", off);
    if (label.title !== (off ? why : "")) label.title = off ? why : "";
    if (box.disabled !== off) box.disabled = off;
  }
  line.textContent = said;
}

// The list folded to what is chosen, or all of it.
function fold() {
  const list = document.querySelector("#algorithms");
  if (list && list.classList.contains("folded") === open) list.classList.toggle("folded", !open);
  more.textContent = open ? words.fewer : words.more;
  more.setAttribute("aria-expanded", open);
}

more.addEventListener("click", () => {
  open = !open;
  draw();
});

function draw() {
  const list = document.querySelector("#algorithms");
  if (list && list !== watched) {
    watched = list;
    new MutationObserver(draw).observe(list, { childList: true, subtree: true, attributes: true, attributeFilter: ["disabled", "class"] });
  }
  headed(list, words.families, (box) => box.name);
  grey();
  fold();
}

// The list may come into the page after this.
function begin() {
  draw();
  if (!watched) requestAnimationFrame(begin);
}

begin();
watch("value", draw);
