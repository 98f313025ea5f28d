// What the visitor types, draws or takes away is counted, and an answer of the server says which of these edits it has `seen`. One that was
// asked for before the last of them comes too late: what the visitor made stays, and the event "late" follows. The document hears "edited".
// Given by gr.HTML: element, trigger, props, watch; `props.place` is what this component's edits are counted under.

window.edits ||= {};
window.edits[props.place] = 0;
let made; // the value as the visitor left it
const shown = []; // what shows a value

function edited(value) {
  window.edits[props.place] += 1;
  props.value = made = value;
  document.dispatchEvent(new CustomEvent("edited", { detail: { place: props.place, value } }));
}

watch("value", () => {
  if (props.seen >= window.edits[props.place] || props.seen === null) {
    for (const show of shown) show(props.value);
    return;
  }
  props.value = made;
  trigger("late");
});
