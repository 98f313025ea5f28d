// Greys out the algorithms that cannot learn what is on the cards, and says why. Gradio's list of boxes has no such thing for one box.

const line = element.querySelector(".unable-why");

function grey() {
  const { places = [], why = "", said = "" } = props.value || {};
  document.querySelectorAll("#algorithms .wrap > label").forEach((label, place) => {
    const off = places.includes(place);
    label.classList.toggle("unable", off);
    label.title = off ? why : "";
    const box = label.querySelector("input");
    if (box.disabled !== off) box.disabled = off;
  });
  line.textContent = said;
}

grey();
watch("value", grey);
const list = document.querySelector("#algorithms");
if (list) new MutationObserver(grey).observe(list, { childList: true, subtree: true, attributes: true, attributeFilter: ["disabled"] });
