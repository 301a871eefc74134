// One conversation: live updates, menu and composer.
import { localTimes } from "./times.js";
import { markPressed, startActs } from "./acts.js";
import { startComposer } from "./composer.js";
import { sendDialog, showDialog, startDialog } from "./dialog.js";

const body = document.body;
const log = document.getElementById("log");
const threads = document.getElementById("threads");
const announcer = document.getElementById("announcer");
const jump = document.getElementById("jump");
const live = document.querySelector(".live");
let jumpTarget = null;

const atEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 80;
const toEnd = () => { log.scrollTop = log.scrollHeight; };

function inView(element) {
  const box = element.getBoundingClientRect();
  const frame = log.getBoundingClientRect();
  return box.bottom > frame.top && box.top < frame.bottom - 8;
}

// Puts a thread's new HTML in place and returns the messages that were not there before.
function place(ts, html) {
  const old = document.getElementById(`t-${ts}`);
  if (!html) {
    old?.remove();
    return [];
  }
  const template = document.createElement("template");
  template.innerHTML = html;
  const next = template.content.firstElementChild;
  localTimes(next);
  markPressed(next);
  const fresh = [...next.querySelectorAll(".message")].filter((message) => !document.getElementById(message.id));
  fresh.forEach((message) => message.classList.add("fresh"));
  if (old) {
    if (old.classList.contains("replying-here")) next.classList.add("replying-here");
    const focused = old.contains(document.activeElement) ? document.activeElement : null;
    old.replaceWith(next);
    if (focused) sameAs(focused, next)?.focus({ preventScroll: true });
  } else {
    const later = [...threads.children].find((thread) => thread.dataset.ts > ts);
    threads.insertBefore(next, later ?? null);
  }
  endStatusInTime(next);
  return fresh;
}

// The element of a thread that was drawn afresh which stands for one of before.
function sameAs(element, next) {
  if (element.classList.contains("reply-button")) return next.querySelector(".reply-button");
  return element.name ? [...next.querySelectorAll(element.localName)].find((each) => each.name === element.name && each.value === element.value) : null;
}

function endStatusInTime(thread) {
  const status = thread.querySelector(".status");
  if (status) setTimeout(() => status.remove(), Math.max(0, Number(status.dataset.until) * 1000 - Date.now()));
}

function showThread({ channel, ts, html }) {
  if (channel !== body.dataset.channel) {
    const item = document.querySelector(`[data-room="${CSS.escape(channel)}"] .unread`);
    if (item) item.hidden = false;
    return;
  }
  if (!log) return;
  const stay = atEnd();
  const fresh = place(ts, html);
  document.querySelector(".welcome").hidden = threads.children.length > 0;
  if (stay) toEnd();
  const answer = fresh.find((message) => message.dataset.employee === "true");
  if (!answer) return;
  announcer.textContent = `${answer.dataset.author}: ${answer.querySelector(".prose").textContent}`;
  if (!inView(answer)) {
    jumpTarget = answer.id;
    jump.hidden = false;
  }
}

function listen() {
  const query = new URLSearchParams({ team: body.dataset.team, channel: body.dataset.channel, user: body.dataset.user, after: body.dataset.seq });
  const source = new EventSource(`/sandbox/events?${query}`);
  const show = (on) => {
    live.dataset.live = on ? "on" : "off";
    live.setAttribute("aria-label", on ? "Live" : "Connecting");
  };
  source.addEventListener("ready", () => show(true));
  source.addEventListener("error", () => show(false));
  source.addEventListener("thread", (event) => showThread(JSON.parse(event.data)));
  source.addEventListener("dialog", (event) => showDialog(JSON.parse(event.data).html));
  source.addEventListener("home", (event) => {
    const home = document.getElementById("home");
    if (home) home.innerHTML = JSON.parse(event.data).html;
  });
  addEventListener("pagehide", () => source.close());
}

function startMenu() {
  const button = document.querySelector(".menu-button");
  const set = (open) => {
    body.classList.toggle("menu-open", open);
    button.setAttribute("aria-expanded", String(open));
    if (open) document.querySelector(".sidebar a[aria-current]")?.focus();
  };
  button.addEventListener("click", () => set(!body.classList.contains("menu-open")));
  document.querySelector("[data-close-menu]").addEventListener("click", () => set(false));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && body.classList.contains("menu-open")) {
      set(false);
      button.focus();
    }
  });
}

function startLog() {
  jump.addEventListener("click", () => {
    document.getElementById(jumpTarget)?.scrollIntoView({ block: "center" });
    jump.hidden = true;
  });
  log.addEventListener("scroll", () => {
    const target = jumpTarget && document.getElementById(jumpTarget);
    if (target && inView(target)) jump.hidden = true;
  }, { passive: true });
  document.querySelectorAll(".thread").forEach(endStatusInTime);
  startComposer({ body, toEnd });
  toEnd();
}

// As in Slack, the app hears which of its tabs a person opens.
function tellOpened() {
  if (body.dataset.direct !== "true") return;
  const { team, user, tab } = body.dataset;
  fetch("/sandbox/opened", { method: "POST", headers: { Accept: "application/json" }, body: new URLSearchParams({ team, user, tab }) });
}

addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
startMenu();
startActs(sendDialog);
startDialog();
if (log) startLog();
listen();
tellOpened();
