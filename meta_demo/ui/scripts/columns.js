// Which columns of an uploaded table are read, where that had to be guessed. The server keeps no file: the browser still has it, and
// uploads it once more when others are chosen, with their names in the value. Given by gr.HTML: element, props, watch; `props.upload` is
// the button of the files, `props.prefix` what the names of our own parts begin with.

const words = props.words[lang];
const root = element.querySelector(".columns");
const inputOf = () => document.querySelector(props.upload)?.parentElement?.querySelector("input[type=file]");
let file = null;
let ours = false; // whether the upload that begins is of the same file

const select = (id) => make("select", "", { id: `${props.prefix}-${id}` });
const [text, label] = [select("text"), select("label")];
const numbers = make("input", "", { type: "checkbox", id: `${props.prefix}-numbers` });
const title = make("span", "columns-title", {});
const field = (control, caption) => make("label", "", { htmlFor: control.id }, make("span", "", { textContent: caption }), control);
root.setAttribute("role", "group");
root.append(
  title,
  make("div", "columns-fields", {}, field(text, words.text), field(label, words.label), field(numbers, words.numbers)),
  make("p", "hint", { textContent: words.about }),
);

function draw() {
  const seen = props.value;
  root.hidden = !seen;
  if (!seen) return;
  title.textContent = words.title.replace("{file}", seen.file);
  for (const [control, chosen] of [[text, seen.text], [label, seen.label]]) {
    const options = seen.names.map((name) => make("option", "", { value: name, textContent: name }));
    if (!chosen) options.unshift(make("option", "", { value: "", textContent: words.none }));
    control.replaceChildren(...options);
    control.value = chosen;
  }
  numbers.checked = !!seen.numbers;
}

function readAgain() {
  const input = inputOf();
  if (!file || !input || !text.value || !label.value) return;
  props.value = { ...props.value, text: text.value, label: label.value, numbers: numbers.checked, chosen: true };
  const transfer = new DataTransfer();
  transfer.items.add(file);
  ours = true;
  input.files = transfer.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
}
for (const control of [text, label, numbers]) control.addEventListener("change", readAgain);

document.addEventListener(
  "change",
  (event) => {
    if (event.target !== inputOf() || !event.target.files.length) return;
    if (!ours) props.value = null; // another file: nothing is said of it yet
    [file, ours] = [event.target.files[0], false];
    draw();
  },
  true,
);
draw();
watch("value", draw);
