// What a visitor shows to be recognised: a drawing, a file or the camera's picture. The value is its data URL, "" when there is
// none; "input" follows each change. Given by gr.HTML: element, trigger, props, watch, server.

const words = props.words[lang];
const root = element.querySelector(".try-pad");

// Where the model looked, small beside the pad: the whole picture is farther down, and a click leads to it.
const glance = button("looked", "", () => document.querySelector("#look").scrollIntoView({ block: "start" }));
const stage = make("span", "looked-stage", {});
const said = make("span", "", {});
glance.append(stage, said);
glance.hidden = true;
document.addEventListener("looked", ({ detail }) => {
  glance.hidden = !detail || !props.value;
  if (glance.hidden) return;
  const copy = make("canvas", "", { width: detail.heat.width, height: detail.heat.height });
  copy.getContext("2d").drawImage(detail.heat, 0, 0);
  stage.replaceChildren(make("img", "", { src: detail.picture, alt: "" }), copy);
  said.textContent = `${words.looked} · ${detail.title}`;
});

function publish(url) {
  edited(url);
  glance.hidden ||= !url;
  trigger("input");
}

function picture(url) {
  pad.lay(url);
  publish(url);
}

const pad = drawingPad(words, publish);
const tools = make("div", "tools", {}, fileButton(words, picture), cameraButton(words, picture, root));
root.append(pad.node, make("div", "try-below", {}, tools, glance));
receive(root, words, picture);
pad.lay(props.value || "");
shown.push((url) => pad.lay(url || ""));
