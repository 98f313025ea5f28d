// What a visitor shows to be recognised: a drawing, a file or the camera's picture. The value is its data URL, "" when there is
// none; "input" follows each change. Given by gr.HTML: element, trigger, props, watch, server.

const words = props.words[lang];
const root = element.querySelector(".try-pad");

function publish(url) {
  props.value = url;
  trigger("input");
}

function picture(url) {
  pad.lay(url);
  publish(url);
}

const pad = drawingPad(words, publish);
const tools = make("div", "tools", {}, fileButton(words, picture), cameraButton(words, picture));
root.append(pad.node, tools);
receive(root, words, picture);
pad.lay(props.value || "");
watch("value", () => pad.lay(props.value || ""));
