// Pictures from files, the clipboard and the camera, as data URLs. Files are read by the server, which knows every format and
// says what is wrong with one; they travel in memory and are never stored. Given by gr.HTML: server, props.

const asUrl = (file) =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(file);
  });

// What can be read of `files` goes to `taken`. What cannot is said in the page's message where nothing was taken, and otherwise at `node`,
// where it stays until the next files come: what follows a change of cards takes the message away.
async function readPictures(files, words, taken, node, left = []) {
  const problems = left.length ? [words.left_out.replace("{files}", left.map((file) => `“${file.name}”`).join(", "))] : [];
  let count = 0;
  for (const file of files) {
    const big = file.size > props.limits.file && `${file.name}: ${words.too_big}`;
    const { url, problem } = big ? { problem: big } : await server.read_file({ name: file.name, data: await asUrl(file), lang });
    if (problem) problems.push(problem);
    else {
      taken(url);
      count += 1;
    }
  }
  node?.querySelector(":scope > .left-out")?.remove();
  if (!problems.length) return;
  if (count && node) node.append(make("p", "left-out", { role: "status", textContent: problems.join(" ") }));
  else complain(problems.join(" "));
}

// Some systems know no type for some pictures.
const isPicture = (file) => file.type.startsWith("image/") || /\.(png|jpe?g|gif|webp|bmp|tiff?|avif|hei[cf]|jfif|jxl)$/i.test(file.name);
const picturesOf = (transfer) => [...(transfer?.files || [])].filter(isPicture);

// Pictures dropped or pasted on `node` go to `taken`, and what else is among them is named; see also paste.js.
function receive(node, words, taken) {
  node.classList.add("receives");
  node.addEventListener("dragover", (event) => {
    event.preventDefault();
    node.classList.add("over");
  });
  node.addEventListener("dragleave", () => node.classList.remove("over"));
  const accept = (event, transfer) => {
    node.classList.remove("over");
    const files = picturesOf(transfer);
    if (!files.length) return;
    event.preventDefault();
    event.stopPropagation();
    readPictures(files, words, taken, node, [...transfer.files].filter((file) => !isPicture(file)));
  };
  node.addEventListener("drop", (event) => accept(event, event.dataTransfer));
  node.addEventListener("paste", (event) => accept(event, event.clipboardData));
}

function fileButton(words, taken) {
  const input = make("input", "", { type: "file", accept: "image/*", multiple: true, hidden: true });
  input.addEventListener("change", async () => {
    const files = [...input.files];
    input.value = "";
    await readPictures(files, words, taken, input.closest(".receives"));
  });
  return make("span", "", {}, input, button("tool tool-files", words.files, () => input.click()));
}

const CAMERA_SIDE = 320; // pixels of a camera picture's longer side

const BURST = 250; // milliseconds from one picture to the next while the button is held
const LIVE = 600; // and of a camera that is asked about all the time
const MOST_SHOTS = 40; // of one press that is held

// A camera whose pictures are taken by presses, a row of them by one that is held; one that stands in the element
// `live` is asked about what it sees all the time.
function cameraButton(words, taken, live = null) {
  return button("tool tool-camera", words.camera, () => openCamera(words, taken, live));
}

async function openCamera(words, taken, live) {
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch {
    complain(words.no_camera);
    return;
  }
  const video = make("video", "", { srcObject: stream, autoplay: true, muted: true, playsInline: true });
  const count = make("span", "camera-count", live ? {} : { role: "status" });
  let shots = 0;
  const shoot = () => {
    if (!video.videoWidth) return;
    const scale = CAMERA_SIDE / Math.max(video.videoWidth, video.videoHeight);
    const size = { width: Math.round(video.videoWidth * scale), height: Math.round(video.videoHeight * scale) };
    const frame = make("canvas", "", size);
    frame.getContext("2d").drawImage(video, 0, 0, frame.width, frame.height);
    taken(frame.toDataURL("image/jpeg", 0.9));
    count.textContent = String(++shots);
  };
  const close = () => dialog.close();
  const watching = make("input", "", { type: "checkbox", checked: Boolean(live) });
  const timer = setInterval(() => watching.checked && shoot(), LIVE);
  let held; // the timer of a press that lasts
  let row = 0; // pictures of it
  const release = () => clearInterval(held);
  const shutter = button("camera-shoot", live ? words.shoot : words.hold, () => row || shoot());
  shutter.addEventListener("pointerdown", () => {
    release();
    row = 0;
    held = setInterval(() => (++row < MOST_SHOTS ? shoot() : release()), BURST);
  });
  for (const end of ["pointerup", "pointerleave", "pointercancel"]) shutter.addEventListener(end, release);
  const follow = live ? [make("label", "camera-live", {}, watching, words.live)] : [];
  const tools = make("div", "camera-tools", {}, shutter, count, ...follow, button("tool", words.close, close));
  const dialog = make("dialog", "camera", {}, video, tools);
  dialog.addEventListener("close", () => {
    release();
    clearInterval(timer);
    stream.getTracks().forEach((track) => track.stop());
    dialog.remove();
  });
  if (live) {
    live.append(dialog); // beside the answers, which stay in sight
    dialog.show();
  } else {
    document.body.append(dialog);
    dialog.showModal();
  }
}
