// The live half of the inbox: rows as they change, the list every few seconds, and the keyboard. Pages work without it.
const REFRESH_MS = 5000;
const AWAKE_MS = 15 * 60 * 1000;
const thread = document.getElementById("thread");
const live = document.getElementById("live");
let source;
let cursor = new URLSearchParams(thread?.dataset.events.split("?")[1]).get("after");
let patience;

// Puts rows where they belong: one that is there is replaced if it differs, a new one goes behind those before it.
function putRows(html) {
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  const list = document.getElementById("messages");
  for (const row of fresh.content.querySelectorAll("li.message")) {
    const known = document.getElementById(row.id);
    if (known?.dataset.v === row.dataset.v) continue;
    if (known) {
      known.replaceWith(row);
      continue;
    }
    const number = Number(row.id.slice(2));
    const before = [...list.querySelectorAll("li.message")].filter((other) => Number(other.id.slice(2)) < number).at(-1);
    // Above the first one that is shown lie earlier messages, which are loaded when asked for.
    if (!before && list.querySelector("li.message")) continue;
    if (before) before.after(row); else list.append(row);
    if (row.classList.contains("event")) say(row.textContent.trim());
    else if (row.classList.contains("in")) say(`New message from ${row.dataset.who}: ${row.querySelector(".bubble").textContent.slice(0, 200)}`);
  }
}

function say(text) {
  document.getElementById("said").textContent = text;
}

// Another owner or another window: the desk is made anew. What was being written stays.
function putDesk(html) {
  const fresh = document.createElement("template");
  fresh.innerHTML = html.trim();
  const desk = fresh.content.firstElementChild;
  const old = document.getElementById("desk");
  if (Number(old.dataset.epoch) > Number(desk.dataset.epoch)) return;
  if (old.dataset.epoch === desk.dataset.epoch) {
    // The same people answer: of the window its line is enough, unless one writes in another way from now on.
    const filling = [...old.querySelectorAll("[data-place]")].some((field) => field.value);
    if (old.dataset.form === desk.dataset.form || filling) {
      const line = desk.querySelector("#window");
      if (line) old.querySelector("#window")?.replaceWith(line);
      return;
    }
  }
  const written = old.querySelector("textarea")?.value;
  const reply = desk.querySelector("#reply");
  if (written && reply) {
    reply.value = written;
  } else if (written) {
    const kept = document.createElement("textarea");
    kept.readOnly = true;
    kept.value = written;
    kept.setAttribute("aria-label", "Not sent");
    desk.append(kept);
  }
  old.replaceWith(desk);
  window.htmx?.process(desk);
}

// How long the window is open still, to the minute.
setInterval(() => {
  const line = document.querySelector("#window[data-until]");
  if (!line) return;
  const minutes = Math.max(1, Math.round((new Date(line.dataset.until) - Date.now()) / 60000));
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
  line.querySelector("[data-left]").textContent = hours ? `${hours} h${rest ? ` ${rest} min` : ""}` : `${minutes} min`;
}, 20000);

function connect() {
  clearTimeout(patience);
  if (source || document.hidden || !thread?.dataset.events) return;
  const url = new URL(thread.dataset.events, location.href);
  url.searchParams.set("after", cursor);
  source = new EventSource(url);
  source.addEventListener("open", () => { live.hidden = true; });
  source.addEventListener("rows", (event) => putRows(event.data));
  source.addEventListener("desk", (event) => putDesk(event.data));
  source.addEventListener("seen", (event) => { cursor = event.lastEventId || cursor; });
  source.addEventListener("bye", () => { disconnect(); location.reload(); });
  source.addEventListener("error", () => {
    live.hidden = false;
    if (source?.readyState !== EventSource.CLOSED) return;
    // The browser gives up on an answer that is no stream, such as that of a server which is starting.
    disconnect();
    patience = setTimeout(connect, 4000);
  });
}

function disconnect() {
  source?.close();
  source = undefined;
}

// A hidden page holds no stream: a browser allows few to one server.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) disconnect(); else connect();
});
addEventListener("pagehide", disconnect);
addEventListener("pageshow", connect);

// A page that nobody touches stops asking, so that its session may fall idle.
let touched = Date.now();
for (const kind of ["keydown", "pointermove", "pointerdown", "scroll"]) {
  addEventListener(kind, () => { touched = Date.now(); }, { capture: true, passive: true });
}

setInterval(() => {
  if (!document.hidden && Date.now() - touched < AWAKE_MS) document.getElementById("list")?.dispatchEvent(new Event("refresh"));
}, REFRESH_MS);

function move(step) {
  const items = [...document.querySelectorAll("#list .item")];
  const here = items.findIndex((item) => item === document.activeElement);
  const from = here >= 0 ? here : items.findIndex((item) => item.hasAttribute("aria-current"));
  items[Math.min(Math.max(from + step, 0), items.length - 1)]?.focus();
}

function focus(id) {
  const field = document.getElementById(id);
  field?.focus();
  return Boolean(field);
}

const KEYS = {
  j: () => move(1),
  k: () => move(-1),
  r: () => focus("reply") || focus("take-over"),
  t: () => document.getElementById("take-over")?.click(),
  "/": () => focus("find"),
  "?": () => document.getElementById("keys").showModal(),
};

document.addEventListener("keydown", (event) => {
  const field = event.target.closest("input, textarea, select");
  if (field && event.key === "Escape") field.blur();
  if (field?.id === "reply" && event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    field.form.requestSubmit();
  }
  if (field || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

// Handing back takes along what stands in the field, so that it is not lost.
document.addEventListener("submit", (event) => {
  const unsent = event.target.querySelector("#unsent-text");
  if (unsent) unsent.value = document.getElementById("reply")?.value ?? "";
}, true);

document.querySelector(".message.marked")?.scrollIntoView({ block: "center" });
// After taking over, one writes.
document.addEventListener("htmx:after:swap", (event) => {
  if (event.target.id === "desk" || event.detail?.ctx?.target?.id === "desk") document.getElementById("reply")?.focus();
});
connect();
