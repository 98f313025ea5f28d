// What our components share: elements, the page's language, and its one place for what went wrong.

const lang = document.documentElement.lang.startsWith("zh") ? "zh" : "en";

function make(tag, className, attributes = {}, ...children) {
  const node = document.createElement(tag);
  node.className = className;
  for (const [name, value] of Object.entries(attributes)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

function button(className, caption, act, about = "") {
  const node = make("button", className, { type: "button", textContent: caption, title: about });
  if (about) node.setAttribute("aria-label", about);
  node.addEventListener("click", act);
  return node;
}

function complain(sentence) {
  const alert = make("div", "alert", { textContent: sentence });
  alert.setAttribute("role", "alert");
  document.dispatchEvent(new CustomEvent("complaint", { detail: alert.outerHTML }));
}

// Calls `tell` when the visitor pauses. Adapt looks at everything itself, and a change that is told afterwards would take away what it says.
function whenPaused(tell) {
  let pause;
  document.addEventListener("click", (event) => event.target.closest("#start") && clearTimeout(pause), true);
  return () => {
    clearTimeout(pause);
    pause = setTimeout(tell, 500);
  };
}
