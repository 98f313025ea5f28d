// The algorithms that can be meta-trained, under their families. Given by gr.HTML: props.

const list = () => document.querySelector("#train-algorithm");
const head = () => headed(list(), props.families[lang], (choice) => choice.value);

// The list may come into the page after this.
function begin() {
  head();
  if (list()) new MutationObserver(head).observe(list(), { childList: true, subtree: true });
  else requestAnimationFrame(begin);
}

begin();
