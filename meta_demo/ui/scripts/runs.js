// The cards of the learners, by name: an update holds those that changed, and only they are drawn anew. Its value is a sentence where
// nobody has adapted yet. Given by gr.HTML: element, props, watch.

const place = element.querySelector(".runs-place");
let drawn = {}; // of each learner what stands on its card, and the card

function card(markup) {
  const made = document.createElement("template");
  made.innerHTML = markup;
  return { markup, node: made.content.firstElementChild };
}

function draw() {
  const { order, cards } = props.value || {};
  if (!cards) {
    drawn = {};
    place.className = "runs-place";
    place.innerHTML = props.value || "";
    return;
  }
  drawn = Object.fromEntries(order.map((name) => [name, drawn[name]?.markup === cards[name] ? drawn[name] : card(cards[name])]));
  place.className = "runs-place runs";
  const nodes = order.map((name) => drawn[name].node);
  if (nodes.length !== place.childNodes.length || nodes.some((node, at) => node !== place.childNodes[at])) place.replaceChildren(...nodes);
}
draw();
watch("value", draw);
