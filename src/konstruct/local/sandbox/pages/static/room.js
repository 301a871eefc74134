// One conversation: live updates, menu and composer.
import { startMenu } from "./menu.js";
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

// Puts a thread's new HTML in place; returns the messages that were not there before, and those that can be read out now.
function place(ts, html) {
  const old = document.getElementById(`t-${ts}`);
  if (!html) {
    old?.remove();
    return { fresh: [], said: [] };
  }
  const template = document.createElement("template");
  template.innerHTML = html;
  const next = template.content.firstElementChild;
  localTimes(next);
  markPressed(next);
  const fresh = [...next.querySelectorAll(".message")].filter((message) => !document.getElementById(message.id));
  const ended = [...next.querySelectorAll(".message:not(.message-live)")].filter((message) => document.getElementById(message.id)?.classList.contains("message-live"));
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
  inTime(next);
  return { fresh, said: [...fresh.filter((message) => !message.classList.contains("message-live")), ...ended] };
}

// The element of a thread that was drawn afresh which stands for one of before.
function sameAs(element, next) {
  if (element.classList.contains("reply-button")) return next.querySelector(".reply-button");
  return element.name ? [...next.querySelectorAll(element.localName)].find((each) => each.name === element.name && each.value === element.value) : null;
}

function inTime(thread) {
  endStatusInTime(thread);
  for (const message of thread.querySelectorAll("[data-ends]")) breakInTime(message);
  const loading = thread.querySelector("[data-loading]");
  if (loading) rotate(loading, JSON.parse(loading.dataset.loading));
}

// Nobody is told when a stream breaks: the clock says so.
function breakInTime(message) {
  setTimeout(() => {
    message.classList.replace("message-live", "message-broken");
    message.querySelector(".broken").hidden = false;
  }, Math.max(0, Number(message.dataset.ends) * 1000 - Date.now()));
}

function rotate(element, words) {
  let at = 0;
  const timer = setInterval(() => {
    if (!element.isConnected) return clearInterval(timer);
    at = (at + 1) % words.length;
    element.textContent = words[at];
  }, 2600);
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
  const { fresh, said } = place(ts, html);
  document.querySelector(".welcome").hidden = threads.children.length > 0;
  if (stay) toEnd();
  const byEmployee = (message) => message.dataset.employee === "true";
  const spoken = said.find(byEmployee);
  if (spoken) announcer.textContent = `${spoken.dataset.author}: ${[...spoken.querySelectorAll(".prose")].map((part) => part.textContent).join(" ").trim()}`;
  const answer = fresh.find(byEmployee);
  if (answer && !inView(answer)) {
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
  source.addEventListener("prompts", (event) => {
    const offered = document.getElementById("offered");
    if (offered) offered.innerHTML = JSON.parse(event.data).html;
  });
  source.addEventListener("home", (event) => {
    const home = document.getElementById("home");
    if (home) home.innerHTML = JSON.parse(event.data).html;
  });
  addEventListener("pagehide", () => source.close());
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
  document.querySelectorAll(".thread").forEach(inTime);
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
