// Sends a chosen folder as few packs: a line of JSON with names and sizes, then the files' bytes.
// Streamlit's uploader draws its whole list anew, twice, for each file: 900 files took half a minute.

if (!window.nodelensPacks) {
  window.nodelensPacks = true;
  const most = { files: 500, bytes: 256 * 1024 * 1024 };

  const packed = (files) => {
    const told = files.map((file) => [file.webkitRelativePath || file.name, file.size]);
    return new File([JSON.stringify(told), "\n", ...files], `${files.length} files.folder`);
  };

  const choose = (event) => {
    const input = event.target;
    if (!input.matches?.("input[type=file][webkitdirectory]")) return;
    const chosen = [...input.files];
    if (!chosen.some((file) => file.webkitRelativePath)) return; // packed already
    event.stopImmediatePropagation();
    const packs = new DataTransfer();
    let part = [];
    let bytes = 0;
    const close = () => {
      if (part.length) packs.items.add(packed(part));
      part = [];
      bytes = 0;
    };
    for (const file of chosen) {
      if (part.length === most.files || bytes + file.size > most.bytes) close();
      part.push(file);
      bytes += file.size;
    }
    close();
    input.files = packs.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  };
  window.addEventListener("change", choose, true);
}
