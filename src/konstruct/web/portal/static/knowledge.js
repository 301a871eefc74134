// Files go up one by one as soon as they are chosen or dropped, each with its progress. Without this the form sends them.
const form = document.querySelector("form[data-uploads]");
if (form) start(form);

function start(form) {
  const input = form.querySelector("input[type=file]");
  const outcomes = document.getElementById("outcomes");
  const waiting = [];
  let busy = false;
  form.classList.add("scripted");

  input.addEventListener("change", () => {
    add(input.files);
    input.value = "";
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    input.click();
  });
  for (const name of ["dragenter", "dragover"]) {
    form.addEventListener(name, (event) => {
      event.preventDefault();
      form.classList.add("over");
    });
  }
  for (const name of ["dragleave", "drop"]) form.addEventListener(name, () => form.classList.remove("over"));
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    add(event.dataTransfer.files);
  });
  // A file that misses the box must not replace the page.
  for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());

  function add(files) {
    if (!busy && files.length) outcomes.replaceChildren();
    for (const file of files) waiting.push({ file, row: rowOf(file) });
    next();
  }

  function rowOf(file) {
    const row = document.createElement("li");
    const name = document.createElement("span");
    const bar = document.createElement("progress");
    row.className = "outcome";
    name.className = "name";
    name.textContent = file.name;
    bar.max = 1;
    bar.value = 0;
    bar.setAttribute("aria-label", `Uploading ${file.name}`);
    row.append(name, bar);
    outcomes.append(row);
    return row;
  }

  async function next() {
    if (busy || !waiting.length) return;
    busy = true;
    while (waiting.length) {
      const { file, row } = waiting.shift();
      if (file.size > Number(form.dataset.maxBytes)) {
        refuse(row, `“${file.name}” is larger than ${form.dataset.maxSize}: upload it in parts, or without its pictures.`);
      } else {
        await send(file, row);
      }
      await reload();
      // What was taken stands in the list now; what was not stays in sight.
      for (const taken of outcomes.querySelectorAll(".outcome.ok")) taken.remove();
    }
    busy = false;
  }

  function send(file, row) {
    return new Promise((resolve) => {
      const request = new XMLHttpRequest();
      const body = new FormData();
      body.append("files", file);
      request.open("POST", form.action);
      request.setRequestHeader("HX-Request", "true");
      request.upload.addEventListener("progress", (event) => {
        const bar = row.querySelector("progress");
        if (bar && event.lengthComputable) bar.value = event.loaded / event.total;
      });
      request.addEventListener("loadend", () => {
        const elsewhere = request.getResponseHeader("HX-Redirect");
        if (elsewhere) location.assign(elsewhere);
        else if (request.responseText.includes('class="outcome ')) replace(row, request.responseText);
        else refuse(row, `“${file.name}” could not be uploaded. Check the connection, and try again.`);
        resolve();
      });
      request.send(body);
    });
  }

  // The server's own fragment, in which every name is escaped.
  function replace(row, html) {
    const parsed = document.createElement("template");
    parsed.innerHTML = html;
    row.replaceWith(parsed.content);
  }

  function refuse(row, text) {
    row.className = "outcome bad";
    row.textContent = text;
  }

  function reload() {
    const list = document.getElementById("documents");
    return window.htmx.ajax("GET", list.dataset.address, { target: "#documents", swap: "outerMorph" });
  }
}
