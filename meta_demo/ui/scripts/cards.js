// The class cards. All typing and drawing stays here: the value that Python sees is assigned on every change, which reaches no
// server, and the event "edit" follows when the visitor pauses. Visitor text enters the page through .value and .textContent only.
// What is inside a card is its modality's: text_card.js or picture_card.js. Given by gr.HTML: element, trigger, props, watch.

const words = props.words[lang];
const root = element.querySelector(".cards");
let cards = [];
const tell = whenPaused(() => trigger("edit"));

function publish() {
  total();
  edited(cards.map((card) => ({ ...published(card) })));
  outlined();
  tell();
}

function total() {
  const sum = (key) => cards.reduce((count, card) => count + countOf(published(card)[key]), 0);
  const parts = [`${cards.length} ${words.classes}`, `${sum("examples")} ${words.count}`];
  if (sum("held_out")) parts.push(`${sum("held_out")} ${words.measured}`);
  bar.querySelector(".cards-total").textContent = parts.join(" · ");
  bar.querySelector(".cards-add").disabled = cards.length >= props.limits.classes;
}

// The card of the example that is chosen elsewhere is outlined, and the example within.
function outlined() {
  const found = cards.map((card, place) => {
    const box = list.children[place];
    const example = outlinedIn(card, box, window.picked);
    box.classList.toggle("picked", Boolean(example));
    return example;
  });
  return found.find(Boolean);
}

function draw(card) {
  const box = make("section", "card");
  box.style.setProperty("--c", props.colours[card.colour % props.colours.length]);
  const name = make("input", "card-name", { type: "text", value: card.name, placeholder: words.name, maxLength: 200 });
  name.setAttribute("aria-label", words.name);
  name.addEventListener("input", () => {
    card.name = name.value;
    publish();
  });
  const count = make("span", "card-count", { title: words.count });
  const remove = () => {
    cards = cards.filter((other) => other !== card);
    box.remove();
    publish();
  };
  const summary = make("summary", "");
  const counted = () => {
    count.textContent = countOf(published(card).examples);
    summary.textContent = `${words.held_out} (${countOf(published(card).held_out)})`;
  };
  const changed = () => {
    counted();
    publish();
  };
  box.append(
    make("div", "card-head", {}, name, count, button("card-remove", "×", remove, words.remove)),
    learned(card, changed),
    make("details", "card-folded", {}, summary, heldOut(card, changed)),
  );
  list.append(box);
  counted();
  return name;
}

function blank() {
  const taken = new Set(cards.map((card) => card.colour));
  let colour = 0;
  while (taken.has(colour)) colour += 1;
  const card = { name: "", examples: BLANK, held_out: BLANK, colour };
  cards.push(card);
  return draw(card);
}

function show(value) {
  root.hidden = !Array.isArray(value || []); // the value is another form's
  cards = root.hidden ? [] : (value || []).map((card) => ({ ...card }));
  root.replaceChildren(...(root.hidden ? [] : [bar, list]));
  list.replaceChildren();
  cards.forEach(draw);
  list.scrollTop = 0;
  total();
  outlined();
}

const clear = () => {
  show([]);
  for (let count = 0; count < FIRST_CARDS; count++) blank();
  publish();
  trigger("clear");
};
const add = () => {
  blank().focus();
  publish();
};
const list = make("div", "cards-list");
const bar = make(
  "div",
  "cards-bar",
  {},
  make("span", "cards-total", { role: "status" }),
  button("cards-clear", words.clear, clear),
  button("cards-add", `+ ${words.add}`, add),
);
show(props.value);
shown.push(show);
document.addEventListener("picked", ({ detail: found }) => {
  const example = outlined();
  if (!example) return;
  found.add("card");
  if (list.checkVisibility()) reveal(example, list);
});
onArrival(list, () => {
  const example = outlined();
  if (!example) return;
  reveal(example, list);
  example.scrollIntoView({ block: "nearest" });
});

receiveFile(root, words);
