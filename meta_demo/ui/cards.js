// The class cards. All typing stays here: the value that Python sees is assigned on every key, which reaches no server, and
// the event "edit" follows when the visitor pauses. Visitor text enters the page through .value and .textContent only.
// Given by gr.HTML: element, trigger, props, watch.

const words = props.words[document.documentElement.lang.startsWith("zh") ? "zh" : "en"];
const root = element.querySelector(".cards");
let cards = [];
let pause;

function make(tag, className, attributes = {}) {
  const node = document.createElement(tag);
  node.className = className;
  for (const [name, value] of Object.entries(attributes)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  return node;
}

const lines = (text) => text.split("\n").filter((line) => line.trim()).length;

function publish() {
  props.value = cards.map((card) => ({ ...card }));
  clearTimeout(pause);
  pause = setTimeout(() => trigger("edit"), 500);
}

function total() {
  const examples = cards.reduce((sum, card) => sum + lines(card.examples), 0);
  const heldOut = cards.reduce((sum, card) => sum + lines(card.held_out), 0);
  const parts = [`${cards.length} ${words.classes}`, `${examples} ${words.count}`];
  if (heldOut) parts.push(`${heldOut} ${words.measured}`);
  bar.querySelector(".cards-total").textContent = parts.join(" · ");
  bar.querySelector(".cards-add").disabled = cards.length >= props.limits.classes;
}

function area(card, key, placeholder) {
  const field = make("textarea", `card-${key}`, { value: card[key], placeholder, spellcheck: false });
  field.setAttribute("aria-label", placeholder);
  const fit = () => (field.rows = Math.min(8, Math.max(3, field.value.split("\n").length)));
  field.addEventListener("input", () => {
    card[key] = field.value;
    fit();
    field.dispatchEvent(new CustomEvent("counted", { bubbles: true }));
    publish();
  });
  fit();
  return field;
}

function draw(card) {
  const box = make("section", "card");
  box.style.setProperty("--c", props.colours[card.colour % props.colours.length]);
  const head = make("div", "card-head");
  const name = make("input", "card-name", { type: "text", value: card.name, placeholder: words.name, maxLength: 200 });
  name.setAttribute("aria-label", words.name);
  name.addEventListener("input", () => {
    card.name = name.value;
    publish();
  });
  const count = make("span", "card-count", { title: words.count });
  const remove = make("button", "card-remove", { type: "button", textContent: "×", title: words.remove });
  remove.setAttribute("aria-label", words.remove);
  remove.addEventListener("click", () => {
    cards = cards.filter((other) => other !== card);
    box.remove();
    total();
    publish();
  });
  head.append(name, count, remove);
  const folded = make("details", "card-folded");
  const summary = make("summary", "");
  folded.append(summary, area(card, "held_out", words.examples));
  const counted = () => {
    count.textContent = lines(card.examples);
    summary.textContent = `${words.held_out} (${lines(card.held_out)})`;
    total();
  };
  box.addEventListener("counted", counted);
  box.append(head, area(card, "examples", words.examples), folded);
  list.append(box);
  counted();
  return name;
}

function blank() {
  const taken = new Set(cards.map((card) => card.colour));
  let colour = 0;
  while (taken.has(colour)) colour += 1;
  const card = { name: "", examples: "", held_out: "", colour };
  cards.push(card);
  return draw(card);
}

function show(value) {
  cards = (value || []).map((card) => ({ ...card }));
  list.replaceChildren();
  cards.forEach(draw);
  list.scrollTop = 0;
  total();
}

function button(className, caption, act) {
  const node = make("button", className, { type: "button", textContent: caption });
  node.addEventListener("click", () => {
    act();
    total();
    publish();
  });
  return node;
}

const bar = make("div", "cards-bar");
const list = make("div", "cards-list");
bar.append(
  make("span", "cards-total", { role: "status" }),
  button("cards-clear", words.clear, () => {
    show([]);
    blank();
    blank();
  }),
  button("cards-add", `+ ${words.add}`, () => blank().focus()),
);
root.append(bar, list);
show(props.value);
watch("value", () => show(props.value));

// A file that the server would refuse is refused here, in our words. A file dropped on the cards is one that was chosen.
document.addEventListener(
  "change",
  (event) => {
    const file = event.target.type === "file" && event.target.files?.[0];
    if (!file || file.size <= props.limits.file) return;
    event.stopImmediatePropagation();
    event.target.value = "";
    const place = document.querySelector("#message > :not(.hide)") || document.querySelector("#message");
    const alert = make("div", "alert", { textContent: words.too_big });
    alert.setAttribute("role", "alert");
    place.replaceChildren(alert);
  },
  true,
);
root.addEventListener("dragover", (event) => event.preventDefault());
root.addEventListener("drop", (event) => {
  const input = document.querySelector("#upload")?.parentElement?.querySelector("input[type=file]");
  if (!input || !event.dataTransfer.files.length) return;
  event.preventDefault();
  input.files = event.dataTransfer.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
});
