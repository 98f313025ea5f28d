// A drawing pad for mouse, pen and touch. Strokes are kept as lines, so that one can be taken back; `changed` follows each with
// the drawing as a PNG of SIDE x SIDE pixels, black on white, or "" when the pad is blank. A picture may lie on the pad until one draws.

const SIDE = 160;
const NIB = 0.042; // of the pad's side

// Draws `lines` in round strokes on all of `canvas`.
function ink(canvas, lines) {
  const context = canvas.getContext("2d");
  const side = canvas.width;
  context.lineWidth = NIB * side;
  context.lineCap = context.lineJoin = "round";
  for (const points of lines) {
    context.beginPath();
    const [x, y] = points[0];
    context.moveTo(x * side, y * side);
    for (let i = 1; i < points.length - 1; i++) {
      const [a, b] = [points[i], points[i + 1]]; // through the middles, so that corners of the sampling are round
      context.quadraticCurveTo(a[0] * side, a[1] * side, ((a[0] + b[0]) / 2) * side, ((a[1] + b[1]) / 2) * side);
    }
    const [endX, endY] = points[points.length - 1];
    context.lineTo(endX * side + (points.length === 1 ? 0.01 : 0), endY * side);
    context.stroke();
  }
}

function drawingPad(words, changed) {
  const paper = make("canvas", "pad-paper", { width: 2 * SIDE, height: 2 * SIDE, tabIndex: 0, role: "img" });
  paper.setAttribute("aria-label", words.draw);
  const hint = make("span", "pad-hint", { textContent: words.draw });
  const undo = button("pad-undo", "↶", () => take(strokes.slice(0, -1)), words.undo);
  const erase = button("pad-erase", "✕", () => take([]), words.erase);
  const box = make("div", "pad", {}, paper, hint, make("div", "pad-tools", {}, undo, erase));
  let strokes = [];
  let lying = ""; // the URL of a picture on the pad
  let pen = null; // the stroke being drawn: a list of points within [0, 1]

  function redraw() {
    paper.getContext("2d").clearRect(0, 0, paper.width, paper.height);
    ink(paper, pen ? [...strokes, pen] : strokes);
    paper.style.backgroundImage = lying && `url("${lying}")`;
    box.classList.toggle("inked", strokes.length > 0 || pen !== null || lying !== "");
  }

  function picture() {
    if (!strokes.length) return "";
    const sheet = make("canvas", "", { width: SIDE, height: SIDE });
    sheet.getContext("2d").fillStyle = "#fff";
    sheet.getContext("2d").fillRect(0, 0, SIDE, SIDE);
    ink(sheet, strokes);
    return sheet.toDataURL("image/png");
  }

  function take(lines) {
    strokes = lines;
    lying = "";
    redraw();
    changed(picture());
  }

  function point(event) {
    const area = paper.getBoundingClientRect();
    return [(event.clientX - area.left) / area.width, (event.clientY - area.top) / area.height];
  }

  paper.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || pen) return;
    event.preventDefault();
    paper.focus({ preventScroll: true });
    paper.setPointerCapture(event.pointerId);
    lying = "";
    pen = [point(event)];
    redraw();
  });
  paper.addEventListener("pointermove", (event) => {
    if (!pen) return;
    const moves = event.getCoalescedEvents?.() || [];
    pen.push(...(moves.length ? moves : [event]).map(point));
    redraw();
  });
  function lift() {
    if (!pen) return;
    const stroke = pen;
    pen = null;
    take([...strokes, stroke]);
  }
  paper.addEventListener("pointerup", lift);
  paper.addEventListener("pointercancel", lift);
  paper.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "z") take(strokes.slice(0, -1));
    else if (event.key === "Delete" || event.key === "Backspace") take([]);
    else return;
    event.preventDefault();
  });
  return {
    node: box,
    lay(url) {
      strokes = [];
      lying = url;
      redraw();
    },
  };
}
