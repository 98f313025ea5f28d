// The knobs of the chosen algorithms, a fold each. `shown` is what to draw; the value, what the visitor changed: {algorithm: {knob: value}}.
// A knob that was not touched follows what `shown` says. "edit" follows when the visitor pauses. Given by gr.HTML: element, trigger, props, watch.

const root = element.querySelector(".knob-panel");
const changed = {}; // also of algorithms that are not shown now
const open = new Set();
const tell = whenPaused(() => trigger("edit"));

function publish() {
  const touched = props.shown.filter(({ name }) => Object.keys(changed[name] || {}).length);
  props.value = Object.fromEntries(touched.map(({ name }) => [name, { ...changed[name] }]));
}

function change(algorithm, knob, value) {
  const mine = (changed[algorithm.name] ||= {});
  if (value === knob.base) delete mine[knob.name];
  else mine[knob.name] = value;
  publish();
  tell();
}

const numberOf = (field) => (Number.isNaN(field.valueAsNumber) ? null : field.valueAsNumber);

// The fields of a knob, the one that its label names first, and a row to put them in.
const fields = {
  choice(knob, value, told, id) {
    const options = knob.choices.map((choice) => make("option", "", { value: choice, textContent: choice }));
    const select = make("select", "", { id }, ...options);
    select.value = value;
    select.addEventListener("change", () => told(select.value));
    return [select];
  },
  switch(knob, value, told, id) {
    const box = make("input", "", { id, type: "checkbox", checked: value });
    box.addEventListener("change", () => told(box.checked));
    return [box];
  },
  number({ lo, hi, step }, value, told, id) {
    const field = make("input", "", { id, type: "number", min: lo, step, value: value ?? "" });
    if (hi !== null) field.max = hi;
    field.addEventListener("input", () => told(numberOf(field)));
    return [field];
  },
  slider(knob, value, told, id) {
    const [field] = fields.number(knob, value, told, id);
    const slider = make("input", "", { type: "range", min: knob.lo, max: knob.hi, step: 1, value: value ?? knob.base });
    slider.setAttribute("aria-label", knob.title);
    field.addEventListener("input", () => (slider.value = field.value));
    slider.addEventListener("input", () => {
      field.value = slider.value;
      told(slider.valueAsNumber);
    });
    return [field, slider];
  },
};

function control(algorithm, knob) {
  const id = `knob-${algorithm.name}-${knob.name}`;
  const mine = changed[algorithm.name] || {};
  const value = knob.name in mine ? mine[knob.name] : knob.base;
  const about = make("small", "knob-about", { id: `${id}-about`, textContent: knob.help });
  const told = (to) => {
    change(algorithm, knob, to);
    box.classList.toggle("touched", to !== knob.base);
  };
  const made = fields[knob.kind](knob, value, told, id);
  made.forEach((field) => field.setAttribute("aria-describedby", about.id));
  const beside = ["slider", "switch"].includes(knob.kind); // a number or a box stands beside its name, the rest of it below
  const name = make("label", "knob-name", { htmlFor: id, textContent: knob.title });
  const head = make("div", "knob-head", {}, name, ...made.slice(0, beside ? 1 : 0));
  const box = make("div", "knob", {}, head, about, ...made.slice(beside ? 1 : 0));
  box.classList.toggle("touched", value !== knob.base);
  return box;
}

function fold(algorithm) {
  const mark = make("span", "swatch", { textContent: algorithm.glyph });
  mark.style.color = algorithm.colour;
  mark.setAttribute("aria-hidden", "true");
  const summary = make("summary", "", {}, mark, ` ${algorithm.title}`);
  const knobs = make("div", "knobs", {}, ...algorithm.knobs.map((knob) => control(algorithm, knob)));
  const box = make("details", "", { id: `knobs-${algorithm.name}`, open: open.has(algorithm.name) }, summary, knobs);
  box.addEventListener("toggle", () => (box.open ? open.add(algorithm.name) : open.delete(algorithm.name)));
  return box;
}

function draw() {
  root.replaceChildren(...props.shown.map(fold));
  publish();
}
// An update that leaves the panel alone, before its fold was ever open, makes Gradio forget what to draw: then it is asked for.
if (props.shown) draw();
else trigger("missing");
for (const [name, act] of Object.entries({ shown: draw })) watch(name, act); // Gradio takes what is quoted here for the name of an event
