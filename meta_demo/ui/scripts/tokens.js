// A sentence as buttons, one per token: a click on one triggers "select" with its index. Given by gr.HTML: element, trigger.

element.addEventListener("click", (event) => {
  const token = event.target.closest("[data-token]");
  if (token) trigger("select", { index: Number(token.dataset.token) });
});
