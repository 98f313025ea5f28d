// What a visitor shows to be recognised: a drawing, a file or the camera's picture. The value is its data URL, "" when there is
// none; "input" follows each change. Given by gr.HTML: element, trigger, props, watch, server.

const words = props.words[lang];
const root = element.querySelector(".try-pad");

function publish(url) {
  props.value = url;
  trigger("input");
}

function picture(url) {
  pad.clear();
  display(url);
  publish(url);
}

function display(url) {
  shown.hidden = !url;
  pad.node.hidden = Boolean(url);
  if (url) image.src = url;
}

const pad = drawingPad(words, publish);
const image = make("img", "", { alt: words.picture });
const back = button("pad-erase", "✕", () => picture(""), words.erase);
const shown = make("div", "pad shown inked", { hidden: true }, image, make("div", "pad-tools", {}, back));
const tools = make("div", "tools", {}, fileButton(words, picture), cameraButton(words, picture));
root.append(pad.node, shown, tools);
receive(root, words, picture);
display(props.value);
watch("value", () => {
  pad.clear();
  display(props.value);
});
