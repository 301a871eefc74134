// A phone: its forms go to the server without leaving the page, and what changes arrives live.
import { startMenu } from "./menu.js";
import { localTimes } from "./times.js";

const { body } = document;
const notes = document.getElementById("notes");
const log = document.getElementById("log");
const live = document.querySelector(".live");
const composer = document.getElementById("composer");
const field = document.getElementById("composer-text");
const file = document.getElementById("file");
const replying = document.getElementById("replying");
const place = { phone: body.dataset.phone, number: body.dataset.number };

const toEnd = () => { log.scrollTop = log.scrollHeight; };
const nearEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 160;

function refresh() {
  composer.dataset.empty = String(!field.value.trim() && !file.files.length);
  document.getElementById("chosen-file").textContent = file.files[0]?.name ?? "";
  if (!CSS.supports("field-sizing", "content")) {
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight}px`;
  }
}

function about(name, link) {
  composer.elements.quote.value = name === "quote" ? link.dataset.quote : "";
  composer.elements.edit.value = name === "edit" ? link.dataset.edit : "";
  replying.hidden = !name;
  document.getElementById("replying-how").textContent = name === "edit" ? "Editing your message" : "Replying to";
  document.getElementById("replying-to").textContent = link?.dataset.words ?? "";
  if (name === "edit") field.value = link.dataset.words;
  refresh();
  field.focus();
}

// Sends a form; returns whether the server took it.
async function post(form, submitter) {
  const problem = form.querySelector(".problem");
  problem.textContent = "";
  const data = new FormData(form, submitter);
  // A button says what to do better than the form's own field.
  if (submitter?.name) {
    data.delete(submitter.name);
    data.append(submitter.name, submitter.value);
  }
  try {
    const multipart = form.enctype === "multipart/form-data";
    const sent = multipart ? data : new URLSearchParams(data);
    const response = await fetch("/sandbox/phone/act", { method: "POST", headers: { Accept: "application/json" }, body: sent });
    if (response.ok) return true;
    const { detail } = await response.json().catch(() => ({}));
    throw new Error(typeof detail === "string" ? detail : `the server answered ${response.status}`);
  } catch (error) {
    const shown = form.isConnected && form.id !== "add" ? problem : document.getElementById("problem");
    shown.textContent = `${error.message[0].toUpperCase()}${error.message.slice(1)}.`;
    return false;
  }
}

async function send() {
  if (!field.value.trim() && !file.files.length) return;
  const text = field.value;
  if (!(await post(composer, null))) return;
  if (field.value === text) field.value = "";
  file.value = "";
  about("", null);
  toEnd();
}

function read() {
  if (document.visibilityState !== "visible") return;
  fetch("/sandbox/phone/act", { method: "POST", headers: { Accept: "application/json" }, body: new URLSearchParams({ ...place, do: "read" }) });
}

function showNote({ key, mine, words, html }) {
  const template = document.createElement("template");
  template.innerHTML = html;
  const next = template.content.firstElementChild;
  localTimes(next);
  const before = document.getElementById(key);
  const follow = nearEnd();
  document.querySelector(".welcome").hidden = true;
  if (before) {
    const open = before.querySelector(".note-list")?.open;
    before.replaceWith(next);
    if (open) next.querySelector(".note-list").open = true;
  } else {
    next.classList.add("fresh");
    notes.append(next);
    if (!mine) {
      document.getElementById("announcer").textContent = `${body.dataset.name}: ${words}`;
      read();
    }
  }
  if (follow || (mine && !before)) toEnd();
}

let typingEnds = 0;
function showStanding(html) {
  const follow = nearEnd();
  document.getElementById("standing").innerHTML = html;
  clearTimeout(typingEnds);
  const typing = document.querySelector(".typing");
  if (typing) typingEnds = setTimeout(() => typing.remove(), Math.max(0, typing.dataset.until * 1000 - Date.now()));
  if (follow) toEnd();
}

function listen() {
  const source = new EventSource(`/sandbox/phone/events?${new URLSearchParams({ ...place, after: body.dataset.seq })}`);
  const show = (on) => {
    live.dataset.live = on ? "on" : "off";
    live.setAttribute("aria-label", on ? "Live" : "Connecting");
  };
  source.addEventListener("ready", () => show(true));
  source.addEventListener("error", () => show(false));
  source.addEventListener("note", (event) => showNote(JSON.parse(event.data)));
  source.addEventListener("standing", (event) => showStanding(JSON.parse(event.data).html));
  source.addEventListener("elsewhere", (event) => {
    const item = document.querySelector(`.chat-item[data-number="${JSON.parse(event.data).number}"] .unread`);
    if (item) item.hidden = false;
  });
  addEventListener("pagehide", () => source.close());
}

document.addEventListener("submit", async (event) => {
  const form = event.target.closest(".phone-acts");
  if (!form) return;
  event.preventDefault();
  if (form === composer) {
    send();
    return;
  }
  const { submitter } = event;
  const ok = await post(form, submitter);
  if (!ok) return;
  submitter?.closest("details")?.removeAttribute("open");
  // Who may write, and what the phone is called, stands all over the page.
  if (submitter?.closest(".bar-menu, .phone-settings, .notice-line")) location.assign(location.pathname);
});
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-quote], [data-edit], #reply-cancel");
  if (link) {
    event.preventDefault();
    link.closest("details")?.removeAttribute("open");
    about(link.dataset.quote ? "quote" : link.dataset.edit ? "edit" : "", link.id ? null : link);
  }
  for (const open of document.querySelectorAll(".note-tools[open], .bar-menu[open], .add[open]")) {
    if (!open.contains(event.target)) open.removeAttribute("open");
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    for (const open of document.querySelectorAll(".note-tools[open], .bar-menu[open], .add[open]")) open.removeAttribute("open");
  }
});
field.addEventListener("input", refresh);
file.addEventListener("change", refresh);
field.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    send();
  }
});
document.addEventListener("visibilitychange", read);
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
startMenu();
refresh();
toEnd();
listen();
if (matchMedia("(hover: hover)").matches) field.focus({ preventScroll: true });
