// The inside of a class card for pictures: a pad whose drawing counts as soon as the pen lifts, and thumbnails of all others.

const BLANK = [];
const FIRST_CARDS = 5;
const countOf = (examples) => examples.length;
const published = ({ ink, ...card }) => ({ ...card, examples: inked(card, ink, "examples"), held_out: inked(card, ink, "held_out") });
const inked = (card, ink, key) => (ink?.[key] ? [...card[key], ink[key]] : card[key]); // with the drawing that is on the pad

function thumbnails(card, key, changed) {
  const row = make("div", "thumbs");
  const show = () => row.replaceChildren(...card[key].map(thumbnail));
  const thumbnail = (url, place) => {
    const picture = make("img", "", { src: url, alt: `${words.picture} ${place + 1}`, draggable: false });
    const remove = () => {
      card[key] = card[key].filter((_, other) => other !== place);
      show();
      changed();
    };
    return make("span", "thumb", {}, picture, button("thumb-remove", "×", remove, words.forget));
  };
  const add = (url) => {
    card[key] = [...card[key], url];
    show();
    changed();
  };
  show();
  return { row, add };
}

// An unnamed class is called A, B, C ... once there is something in it.
function christen(card, box) {
  if (card.name.trim()) return;
  const taken = new Set(cards.map((other) => other.name.trim()));
  const letters = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"];
  card.name = letters.find((letter) => !taken.has(letter)) || `${cards.indexOf(card) + 1}`;
  box.closest(".card").querySelector(".card-name").value = card.name;
}

// A pad whose drawing is one more of the card's examples of that key, and what keeps it and begins another.
function padOf(card, key, box, add, changed) {
  const pad = drawingPad(words, (url) => {
    card.ink = { ...card.ink, [key]: url };
    another.disabled = !url;
    if (url) christen(card, box);
    changed();
  });
  const keep = () => {
    const url = card.ink[key];
    card.ink[key] = "";
    pad.lay("");
    another.disabled = true;
    add(url);
  };
  const another = button("tool tool-another", words.another, keep);
  another.disabled = true;
  return { pad: pad.node, another };
}

// The thumbnail, or the pad, of the example that has this mark.
function outlinedIn(card, box, mark) {
  const within = box.querySelector(".picture-card");
  const has = (url) => Boolean(mark && url) && markOf(url) === mark;
  const thumbs = [...within.querySelectorAll(".thumb")];
  const pad = within.firstElementChild;
  for (const thumb of thumbs) thumb.classList.toggle("picked", has(thumb.querySelector("img").src));
  pad.classList.toggle("picked", has(card.ink?.examples));
  return within.querySelector(".picked");
}

function learned(card, changed) {
  const { row, add } = thumbnails(card, "examples", changed);
  const box = make("div", "picture-card");
  const { pad, another } = padOf(card, "examples", box, add, changed);
  const take = (url) => {
    christen(card, box);
    add(url);
  };
  const tools = make("div", "tools", {}, another, fileButton(words, take), cameraButton(words, take));
  box.append(pad, make("div", "beside-pad", {}, row, tools));
  receive(box, words, take);
  return box;
}

// The pad of held-out drawings is made when somebody looks for it.
function heldOut(card, changed) {
  const { row, add } = thumbnails(card, "held_out", changed);
  const tools = make("div", "tools", {}, fileButton(words, add), cameraButton(words, add));
  const box = make("div", "picture-held-out", {}, row, tools);
  const unfolded = () => {
    const { pad, another } = padOf(card, "held_out", box, add, changed);
    box.prepend(pad);
    tools.prepend(another);
  };
  queueMicrotask(() => box.closest("details").addEventListener("toggle", unfolded, { once: true }));
  receive(box, words, add);
  return box;
}
