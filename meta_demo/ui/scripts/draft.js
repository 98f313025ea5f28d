// A draft of what a visitor typed, drew and chose, in their own browser: written at every pause, and sent to the server only when they come
// back. Each tab writes its own, so that none overwrites another's; a new tab begins with the newest. Given by gr.HTML: element, trigger, props.

const MOST = 1_500_000; // characters of a draft: browsers give all pages of an address about five million
const TABS = 4; // whose drafts stay; of more the oldest goes
const LARGE = [Infinity, 100_000, 20_000, 0]; // characters of a picture that is still kept, tried in this order
const PREFIX = `meta-demo-draft ${location.pathname} `;
const OFF = `${PREFIX}off`;
const words = props.words[lang];
const root = element.querySelector(".draft");
const said = make("span", "draft-said", { role: "status" });
let unkept = false; // whether something was typed that is in no draft
let holding = false; // whether there is a draft of this tab, or something was typed
let seen = 0; // of the edits those that were written

const edits = () => Object.values(window.edits || {}).reduce((sum, count) => sum + count, 0);
// What the browser keeps, or what `act` cannot do there: storage can be refused.
function stored(act) {
  try {
    return act();
  } catch {
    return undefined;
  }
}
const isOff = () => stored(() => localStorage.getItem(OFF)) === "1";
const fresh = () => {
  const id = Math.random().toString(36).slice(2);
  stored(() => sessionStorage.setItem(PREFIX, id));
  return id;
};
let tab = stored(() => sessionStorage.getItem(PREFIX)) || fresh();
const key = () => PREFIX + tab;
const keys = () => Object.keys(localStorage).filter((name) => name.startsWith(PREFIX) && name !== OFF);
const read = (name) => stored(() => JSON.parse(localStorage.getItem(name)));
const newestFirst = () => keys().toSorted((a, b) => (read(b)?.when || 0) - (read(a)?.when || 0));

// The draft without pictures of more than `large` characters, and how many those are.
function lightened(draft, large) {
  let left = 0;
  const heavy = (part) => typeof part === "string" && part.startsWith("data:") && part.length > large && ++left > 0;
  const light = (part) => {
    if (Array.isArray(part)) return part.filter((one) => !heavy(one) && !heavy(one?.item)).map(light);
    if (part === null || typeof part !== "object") return part;
    return Object.fromEntries(Object.entries(part).map(([name, one]) => [name, heavy(one) ? "" : light(one)]));
  };
  return { draft: light(draft), left };
}

// Writes as much of the draft as there is room for, and says what there is none for.
function write(draft) {
  for (const large of LARGE) {
    const { draft: light, left } = lightened(draft, large);
    const text = JSON.stringify(light);
    if (text.length > MOST) continue;
    if (stored(() => (localStorage.setItem(key(), text), true))) {
      for (const old of newestFirst().slice(TABS)) localStorage.removeItem(old);
      return { sentence: left ? `${words.kept} ${words.left_out.replace("{count}", left)}` : words.kept, whole: !left };
    }
  }
  return { sentence: stored(() => localStorage.length) === undefined ? words.refused : words.full, whole: false };
}

function say(sentence) {
  root.hidden = false;
  said.textContent = sentence;
  toggle.textContent = isOff() ? words.keep : words.stop;
  forget.hidden = isOff() || !stored(() => keys().length);
}

// Whether what was told is a reason to write: a choice is none while nothing was typed, and a change none that nobody's typing made.
const matters = (how) => how === "typed" || (how === "chosen" ? holding || edits() > 0 : edits() !== seen);

function keep(draft) {
  holding = true;
  seen = edits();
  unkept = isOff();
  if (unkept) return say(words.off);
  const { sentence, whole } = write({ ...draft, when: Date.now() });
  unkept = !whole;
  say(sentence);
}

function forgetAll() {
  stored(() => keys().forEach((name) => localStorage.removeItem(name)));
  unkept = false;
  say(isOff() ? words.off : words.forgotten);
}
const forget = button("draft-button", words.forget, forgetAll);
const toggle = button("draft-button", "", () => {
  const off = !isOff();
  stored(() => (off ? localStorage.setItem(OFF, "1") : localStorage.removeItem(OFF)));
  if (off) forgetAll();
  else say(words.kept);
});
root.append(said, forget, toggle);

// Another tab that was made of this one has its name, and what it wrote would be overwritten.
addEventListener("storage", (event) => event.key === key() && event.newValue && (tab = fresh()));

let page = {}; // what a draft of the page as it is holds
let entries = {}; // the entry of each place that counts edits
let waiting = false; // whether it is written as soon as the visitor pauses
let pause;
function flush() {
  clearTimeout(pause);
  if (waiting) keep(page);
  waiting = false;
}
function soon() {
  waiting = true;
  clearTimeout(pause);
  pause = setTimeout(flush, 300);
}
// Gradio tells nothing any more once it has lost its server, and what is typed then is all the more to be kept.
document.addEventListener("edited", ({ detail: { place, value } }) => {
  if (!entries[place]) return;
  page = { ...page, [entries[place]]: value };
  soon();
});
document.addEventListener("typed", ({ detail: { draft, how } }) => {
  page = draft;
  if (waiting || matters(how)) soon();
});
addEventListener("pagehide", flush);
document.addEventListener("opened", ({ detail }) => {
  ({ draft: page, entries } = detail);
  const name = !isOff() && stored(() => [key(), ...newestFirst()].find(read));
  if (!name) return;
  const draft = read(name);
  page = { ...page, ...draft };
  holding = true;
  seen = edits();
  props.value = draft;
  trigger("submit");
  say(words.restored.replace("{when}", new Date(draft.when).toLocaleString(document.documentElement.lang)));
});

const training = () => document.querySelector("#train-stop:not([disabled])");
let taken = null; // the start that was downloaded
document.addEventListener("click", (event) => event.target.closest("#train-download") && (taken = document.querySelector("#train-outcome")?.textContent));
const trained = () => document.querySelector("#train-result")?.checkVisibility() && taken !== document.querySelector("#train-outcome")?.textContent;
addEventListener("beforeunload", (event) => {
  flush();
  if (unkept || edits() !== seen || training() || trained()) event.preventDefault();
});
