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

const learned = (card, changed) => area(card, "examples", changed);
const heldOut = (card, changed) => area(card, "held_out", changed);
