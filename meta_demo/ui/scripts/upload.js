// A file that the server would refuse for its size is refused here, in our words. Given by gr.HTML: props.

document.addEventListener(
  "change",
  (event) => {
    const file = event.target.type === "file" && event.target.files?.[0];
    if (!file || file.size <= props.limit) return;
    event.stopImmediatePropagation();
    event.target.value = "";
    complain(props.words[lang].too_big);
  },
  true,
);
