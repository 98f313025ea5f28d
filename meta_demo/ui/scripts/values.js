// A list of examples with a number each. As in cards.js, all typing stays here and the value follows every change. What a row's input
// is, its modality says: text_row.js or picture_row.js. Enter in a number goes to the next row, or begins one after the last.

const root = element.querySelector(".values");
const words = props.words[lang];
const holds = (value) => !!value && !Array.isArray(value) && "rows" in value;
let rows = [];
const tellValues = whenPaused(() => trigger("edit"));

function publish() {
  total();
  edited({ ...(holds(props.value) ? props.value : {}), rows: rows.map((row) => ({ ...row })) });
  tellValues();
}

function total() {
  const filled = rows.filter((row) => row.item.trim());
  const out = filled.filter((row) => row.held_out).length;
  const parts = [`${filled.length - out} ${words.value_count}`];
  if (out) parts.push(`${out} ${words.measured}`);
  bar.querySelector(".cards-total").textContent = parts.join(" · ");
  for (const node of bar.querySelectorAll(".cards-add")) node.disabled = rows.length >= props.limits.rows;
}

// What a plain number looks like; the server has the last word, and says what is wrong with another.
const isNumber = (text) => /^[+\-−]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?$/i.test(text.trim());

function draw(row) {
  const line = make("div", "value-row");
  const number = make("input", "value-number", { type: "text", inputMode: "decimal", value: row.value, placeholder: words.value });
  const mark = () => {
    const wrong = row.value.trim() !== "" && !isNumber(row.value);
    number.classList.toggle("wrong", wrong);
    number.setAttribute("aria-invalid", String(wrong));
  };
  number.setAttribute("aria-label", words.value);
  number.addEventListener("input", () => {
    row.value = number.value;
    mark();
    publish();
  });
  number.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    const next = line.nextElementSibling;
    if (next) next.querySelector("textarea, .value-number").focus();
    else add();
  });
  const hold = button("value-hold", "⚑", () => {
    row.held_out = !row.held_out;
    shade();
    publish();
  });
  const shade = () => {
    line.classList.toggle("held-out", row.held_out);
    hold.setAttribute("aria-pressed", String(row.held_out));
    hold.title = row.held_out ? words.value_out : words.value_held;
    hold.setAttribute("aria-label", words.value_held);
  };
  const remove = () => {
    const beside = line.nextElementSibling || line.previousElementSibling;
    rows = rows.filter((other) => other !== row);
    line.remove();
    publish();
    beside?.querySelector(".value-number").focus();
  };
  line.append(rowInput(row, publish), number, hold, button("card-remove", "×", remove, words.value_remove));
  list.append(line);
  mark();
  shade();
  return line;
}

function blank(item = "") {
  const row = { item, value: "", held_out: false };
  rows.push(row);
  return draw(row);
}

function show(value) {
  root.hidden = !holds(value);
  rows = root.hidden ? [] : value.rows.map((row) => ({ ...row }));
  root.replaceChildren(...(root.hidden ? [] : [bar, list]));
  list.replaceChildren();
  rows.forEach(draw);
  if (!root.hidden && !rows.length) for (let count = 0; count < FIRST_ROWS; count++) blank();
  list.scrollTop = 0;
  total();
}

const take = (url) => {
  blank(url).querySelector(".value-number").focus();
  publish();
};
const add = () => {
  blank().querySelector("textarea, .value-number").focus();
  publish();
};
const clear = () => {
  props.value = { rows: [] };
  show(props.value);
  publish();
  trigger("clear");
};
const list = make("div", "values-list cards-list");
const adders = rowAdders(take);
const bar = make(
  "div",
  "cards-bar",
  {},
  make("span", "cards-total", { role: "status" }),
  button("cards-clear", words.value_clear, clear),
  ...(adders.length ? adders : [button("cards-add", `+ ${words.value_add}`, add)]),
);
show(props.value);
shown.push(show);
receiveFile(root, words);
