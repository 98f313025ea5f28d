// On a telephone, where it is one thing at a time: a bar at the foot of the window that leads to each step, and marks the one in sight.
// Given by gr.HTML: element, props.

const words = props.words[lang];
const still = matchMedia("(prefers-reduced-motion: reduce)");
const sheets = () => [...document.querySelectorAll("#steps > .sheet")];
const bar = element.querySelector(".steps-bar");
bar.setAttribute("aria-label", words.about);

function lead(place) {
  sheets()[place].scrollIntoView({ block: "start", behavior: still.matches ? "auto" : "smooth" });
}

const links = words.steps.map((word, place) => button("steps-bar-link", `${place + 1} ${word}`, () => lead(place)));
bar.append(...links);

// The step that reaches farthest above the middle of the window is the one that is looked at.
function mark() {
  const middle = innerHeight / 2;
  const seen = sheets().findLastIndex((sheet) => sheet.getBoundingClientRect().top < middle);
  links.forEach((link, place) => link.setAttribute("aria-current", place === Math.max(0, seen) ? "step" : "false"));
}

addEventListener("scroll", mark, { passive: true });
mark();
