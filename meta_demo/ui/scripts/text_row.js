// The input of a row of a list of values, for sentences: text that grows with what is typed.

const rowInput = (row, changed) => {
  const field = make("textarea", "value-text", { value: row.item, placeholder: words.value_text, rows: 1, spellcheck: false });
  field.setAttribute("aria-label", words.value_text);
  const fit = () => {
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight + 2}px`;
  };
  field.addEventListener("input", () => {
    row.item = field.value;
    fit();
    changed();
  });
  new ResizeObserver(fit).observe(field);
  return field;
};
const rowAdders = () => [];
const FIRST_ROWS = 3; // blank ones, after everything was cleared
