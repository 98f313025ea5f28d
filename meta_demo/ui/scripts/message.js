// What goes wrong in the browser is said where the server says what went wrong there, and gives way to it. Given by gr.HTML: props.

document.addEventListener("complaint", (event) => {
  props.value = event.detail;
});
