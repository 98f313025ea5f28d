// Pictures from files, the clipboard and the camera, as data URLs. Files are read by the server, which knows every format and
// says what is wrong with one; they travel in memory and are never stored. Given by gr.HTML: server, props.

const asUrl = (file) =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(file);
  });

async function readPictures(files, words, taken) {
  for (const file of files) {
    if (file.size > props.limits.file) {
      complain(words.too_big);
      continue;
    }
    const { url, problem } = await server.read_file({ name: file.name, data: await asUrl(file), lang });
    if (problem) complain(problem);
    else taken(url);
  }
}

// Some systems know no type for some pictures.
const isPicture = (file) => file.type.startsWith("image/") || /\.(png|jpe?g|gif|webp|bmp|tiff?|avif)$/i.test(file.name);
const picturesOf = (transfer) => [...(transfer?.files || [])].filter(isPicture);

// Files dropped or pasted on `node` go to `taken`, unless something else than pictures is among them; see also paste.js.
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
    if (!files.length || files.length < transfer.files.length) return;
    event.preventDefault();
    event.stopPropagation();
    readPictures(files, words, taken);
  };
  node.addEventListener("drop", (event) => accept(event, event.dataTransfer));
  node.addEventListener("paste", (event) => accept(event, event.clipboardData));
}

function fileButton(words, taken) {
  const input = make("input", "", { type: "file", accept: "image/*", multiple: true, hidden: true });
  input.addEventListener("change", async () => {
    const files = [...input.files];
    input.value = "";
    await readPictures(files, words, taken);
  });
  return make("span", "", {}, input, button("tool tool-files", words.files, () => input.click()));
}

const CAMERA_SIDE = 320; // pixels of a camera picture's longer side

function cameraButton(words, taken) {
  return button("tool tool-camera", words.camera, () => openCamera(words, taken));
}

async function openCamera(words, taken) {
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch {
    complain(words.no_camera);
    return;
  }
  const video = make("video", "", { srcObject: stream, autoplay: true, muted: true, playsInline: true });
  const count = make("span", "camera-count", { role: "status" });
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
  const tools = make("div", "camera-tools", {}, button("camera-shoot", words.shoot, shoot), count, button("tool", words.close, close));
  const dialog = make("dialog", "camera", {}, video, tools);
  dialog.addEventListener("close", () => {
    stream.getTracks().forEach((track) => track.stop());
    dialog.remove();
  });
  document.body.append(dialog);
  dialog.showModal();
}
