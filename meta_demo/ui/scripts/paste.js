// What is pasted while the pointer is over something that receives pictures is pasted on it: nothing of a card has the focus before
// somebody draws or types.

document.addEventListener("paste", (event) => {
  const pointed = [...document.querySelectorAll(".receives:hover")].pop();
  if (!pointed || event.target.closest(".receives, input, textarea")) return;
  const { clipboardData } = event;
  pointed.dispatchEvent(new ClipboardEvent("paste", { clipboardData, cancelable: true }));
});
