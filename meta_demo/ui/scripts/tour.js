// A minute's way through the page for a newcomer: chance, plain, meta-trained, your turn. It presses what a visitor would press, and says
// the numbers that the page then shows; nothing of it is known to the server. Whoever has taken or dismissed it is not asked again: the
// browser remembers that. Given by gr.HTML: element, props.

const KEPT = `meta-demo-tour ${location.pathname}`;
const words = props.words[lang];
const root = element.querySelector(".tour");
const still = matchMedia("(prefers-reduced-motion: reduce)");
const part = (selector) => document.querySelector(selector);
const steps = [
  { name: "chance", at: "#steps > .sheet:nth-child(1)", beside: "right" },
  { name: "plain", origin: "none", at: "#curves", beside: "right" },
  { name: "trained", origin: "trained", at: "#curves", beside: "right" },
  { name: "yours", origin: "three, both", at: "#steps > .sheet:nth-child(3)", beside: "left" },
];
let place = -1; // of the step that is shown
let turn = 0; // counts what was begun, so that what was left says nothing any more
let plain = {}; // what each algorithm came to from plain weights

const title = make("h2", "tour-title", { tabIndex: -1 });
const told = make("div", "tour-told");
told.setAttribute("aria-live", "polite");
const go = button("tour-go", "", () => show(place + 1));
const leave = button("tour-leave", "", end);
root.append(title, told, make("div", "tour-buttons", {}, go, leave));

function remembered() {
  try {
    return localStorage.getItem(KEPT) === "1";
  } catch {
    return false; // a browser that keeps nothing is asked each time
  }
}

function remember() {
  try {
    localStorage.setItem(KEPT, "1");
  } catch {
    // then it is asked again
  }
}

// What is seen before the tour and after it: an invitation, or what is left of it.
function rest() {
  place = -1;
  turn += 1;
  root.classList.remove("on");
  title.textContent = remembered() ? "" : words.invite;
  told.replaceChildren();
  go.textContent = words.take;
  leave.textContent = words.dismiss;
  leave.hidden = remembered();
  go.disabled = false;
  for (const lit of document.querySelectorAll(".tour-lit")) lit.classList.remove("tour-lit");
}

function end() {
  const held = root.contains(document.activeElement);
  remember();
  rest();
  if (held) go.focus();
}

const say = (sentence) => make("p", "", { textContent: sentence });
const classes = () => [...document.querySelectorAll("#steps .card")].filter((card) => card.checkVisibility()).length;
const total = () => [...document.querySelectorAll("#steps .cards-total")].find((line) => line.checkVisibility())?.textContent || "";

// What each algorithm came to on the examples that were held out, as the page says it.
function scores() {
  const found = {};
  for (const run of document.querySelectorAll("#runs .run")) {
    const figure = run.querySelector(".figure.query")?.cloneNode(true);
    if (!figure) continue;
    for (const name of ["em", "small"]) figure.querySelector(name)?.remove();
    const [named, badge] = ["strong", ".badge"].map((inside) => run.querySelector(inside));
    found[named.textContent] = { score: figure.textContent.trim(), start: badge.textContent, trained: badge.classList.contains("trained") };
  }
  return found;
}

function listed(found, before = {}) {
  const line = ([name, { score, start, trained }]) => {
    const was = trained && before[name] ? ` (${words.was} ${before[name].score})` : "";
    return make("li", "", { textContent: `${name} · ${start}: ${score}${was}` });
  };
  return Object.keys(found).length ? make("ul", "", {}, ...Object.entries(found).map(line)) : say(words.unmeasured);
}

// Presses Adapt and waits until a new outcome stands there; whether one came.
async function adapted(mine) {
  const old = part("#summary .summary");
  part("#start").click();
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    if (mine !== turn || part("#message [role=alert]")) return false;
    const now = part("#summary .summary");
    if (now && now !== old && part("#stop").disabled) return true;
  }
}

const sentences = {
  chance: () => [say(words.chance.replace("{total}", total()).replaceAll("{classes}", classes()).replace("{chance}", Math.round(100 / classes())))],
  plain: () => [say(words.plain), listed((plain = scores()))],
  trained: () => [say(words.trained), listed(scores(), plain), say(words.alike)],
  yours: () => [say(words.yours)],
};

async function show(next) {
  if (next >= steps.length) return end();
  const [step, mine] = [steps[next], (turn += 1)];
  place = next;
  document.querySelector("#tabs > .tab-wrapper [role=tab]").click();
  root.classList.add("on");
  root.dataset.beside = step.beside;
  title.textContent = `${next + 1}/${steps.length} ${words.titles[next]}`;
  go.textContent = next + 1 < steps.length ? words.next : words.done;
  leave.textContent = words.leave;
  leave.hidden = false;
  title.focus({ preventScroll: true });
  if (step.origin) {
    told.replaceChildren(say(words.waiting));
    go.disabled = true;
    const wanted = step.origin.split(", ").map((value) => part(`#origin input[value="${value}"]`));
    wanted.find(Boolean)?.click();
    const came = await adapted(mine);
    if (mine !== turn) return;
    go.disabled = false;
    if (!came) return told.replaceChildren(say(words.failed));
  }
  for (const lit of document.querySelectorAll(".tour-lit")) lit.classList.remove("tour-lit");
  told.replaceChildren(...sentences[step.name]());
  part(step.at).classList.add("tour-lit");
  part(step.at).scrollIntoView({ block: next === 1 || next === 2 ? "center" : "start", behavior: still.matches ? "auto" : "smooth" });
}

// It is of classes, and of a model that has meta-trained starts.
const able = () => part("#origin")?.checkVisibility() && classes() > 1;
function offer() {
  root.hidden = place < 0 && !able();
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.defaultPrevented && (place >= 0 || root.contains(event.target))) end();
});
root.setAttribute("aria-label", words.name);
rest();
offer();
setInterval(offer, 500); // what it is of comes and goes with tabs, sides and models
