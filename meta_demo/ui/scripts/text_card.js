// The inside of a class card for sentences: examples as text, one per line.

const BLANK = "";
const FIRST_CARDS = 2; // blank ones, after everything was cleared
const countOf = (examples) => examples.split("\n").filter((line) => line.trim()).length;
const published = (card) => card;

function area(card, key, changed) {
  const field = make("textarea", `card-${key}`, { value: card[key], placeholder: words.examples, spellcheck: false });
  field.setAttribute("aria-label", words.examples);
  const fit = () => (field.rows = Math.min(8, Math.max(3, field.value.split("\n").length)));
  field.addEventListener("input", () => {
    card[key] = field.value;
    fit();
    changed();
  });
  fit();
  return field;
}

// The height of a field's first lines, as it breaks them.
function heightOf(field, lines) {
  const twin = field.cloneNode();
  twin.value = lines.join("\n");
  twin.rows = 1;
  twin.style.cssText = `position:absolute; visibility:hidden; height:0; min-height:0; width:${field.offsetWidth}px`;
  field.after(twin);
  const height = twin.scrollHeight - Number.parseFloat(getComputedStyle(twin).paddingBottom);
  twin.remove();
  return height;
}

// A field shows no part of its text in another way: a band lies behind the line whose example has this mark.
function outlinedIn(card, box, mark) {
  const field = box.querySelector(".card-examples");
  const lines = field.value.split("\n");
  const place = mark ? lines.findIndex((line) => markOf(line.normalize("NFC").replace(/\s+/g, " ").trim()) === mark) : -1;
  field.classList.toggle("picked-line", place >= 0);
  if (place < 0) return null;
  const end = heightOf(field, lines.slice(0, place + 1));
  const start = place ? heightOf(field, lines.slice(0, place)) : Number.parseFloat(getComputedStyle(field).paddingTop);
  field.style.backgroundPosition = `0 ${start}px`;
  field.style.backgroundSize = `100% ${end - start}px`;
  if (field.clientHeight) field.scrollTop = Math.min(Math.max(field.scrollTop, end + 8 - field.clientHeight), start - 4);
  return field;
}

const learned = (card, changed) => area(card, "examples", changed);
const heldOut = (card, changed) => area(card, "held_out", changed);
