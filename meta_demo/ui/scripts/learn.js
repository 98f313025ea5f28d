// A press of a lesson's button becomes the value, the lesson's algorithm, and "ask". Given by gr.HTML: element, trigger, props.

element.closest(".tabitem").addEventListener("click", (event) => {
  const pressed = event.target.closest("[data-try]");
  if (!pressed) return;
  props.value = pressed.dataset.try;
  trigger("ask");
  document.querySelector("#tabs").scrollIntoView();
});
