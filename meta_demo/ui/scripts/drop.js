// A file that is dropped on what is collected is one that was chosen with the button. One is read at a time, and the others are named.

function receiveFile(root, words) {
  let note = null; // it stands beside what is collected, which the file replaces
  root.addEventListener("dragover", (event) => event.preventDefault());
  root.addEventListener("drop", (event) => {
    const input = document.querySelector("#upload")?.parentElement?.querySelector("input[type=file]");
    if (!input || !event.dataTransfer.files.length) return;
    event.preventDefault();
    const [first, ...others] = event.dataTransfer.files;
    const transfer = new DataTransfer();
    transfer.items.add(first);
    input.files = transfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    note?.remove();
    if (!others.length) return;
    const names = others.map((file) => `“${file.name}”`).join(", ");
    note = make("p", "left-out", { role: "status", textContent: words.one_file.replace("{files}", names) });
    root.before(note);
  });
}
