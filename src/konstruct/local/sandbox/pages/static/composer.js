// The message box: Enter sends, Shift+Enter breaks the line, a thread can be chosen to reply in.
const form = document.getElementById("composer");
const field = document.getElementById("composer-text");
const problem = document.getElementById("problem");
const replying = document.getElementById("replying");
const how = document.getElementById("replying-how");
let thread = null;
let edited = null;

function chooseThread(ts) {
  document.querySelector(".thread.replying-here")?.classList.remove("replying-here");
  if (edited) put("");
  edited = null;
  thread = ts;
  replying.hidden = !ts;
  how.textContent = "Replying in the thread";
  const element = ts && document.getElementById(`t-${ts}`);
  if (element) {
    element.classList.add("replying-here");
    const words = element.querySelector(".prose").textContent.trim();
    document.getElementById("replying-to").textContent = words.length > 60 ? `${words.slice(0, 60)}…` : words;
  }
  field.focus();
}

function startEditing(message, words) {
  chooseThread(null);
  edited = message.dataset.ts;
  replying.hidden = false;
  how.textContent = "Editing your message";
  document.getElementById("replying-to").textContent = words.length > 60 ? `${words.slice(0, 60)}…` : words;
  put(words);
}

function refresh() {
  form.dataset.empty = String(!field.value.trim());
  if (!CSS.supports("field-sizing", "content")) {
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight}px`;
  }
}

function put(text) {
  field.value = text;
  field.focus();
  field.setSelectionRange(text.length, text.length);
  refresh();
}

async function send({ body, toEnd }) {
  const text = field.value.trim();
  if (!text) return;
  const inThread = thread;
  const changes = edited;
  if (changes) chooseThread(null);
  put("");
  problem.textContent = "";
  const place = { team: body.dataset.team, user: body.dataset.user, channel: body.dataset.channel, text };
  try {
    const response = await (changes
      ? fetch("/sandbox/edit", { method: "POST", body: new URLSearchParams({ ...place, ts: changes }), headers: { Accept: "application/json" } })
      : fetch("/sandbox/messages", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ ...place, thread_ts: inThread }),
      }));
    if (!response.ok) {
      const { detail } = await response.json().catch(() => ({}));
      throw new Error(typeof detail === "string" ? detail : `the server answered ${response.status}`);
    }
    if (!inThread && !changes) toEnd();
  } catch (error) {
    if (!field.value) put(text);
    problem.textContent = `Not sent: ${error.message}. Your text is still in the box.`;
  }
}

export function startComposer(room) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(room);
  });
  field.addEventListener("input", refresh);
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      send(room);
    } else if (event.key === "Escape" && (thread || edited)) {
      chooseThread(null);
    }
  });
  document.getElementById("reply-cancel").addEventListener("click", () => chooseThread(null));
  document.getElementById("mention")?.addEventListener("click", () => {
    const name = `@${form.dataset.employee} `;
    put(field.value.startsWith(name) ? field.value : name + field.value);
  });
  document.addEventListener("click", (event) => {
    const reply = event.target.closest("[data-reply]");
    if (reply) chooseThread(reply.dataset.reply);
    const editing = event.target.closest("[data-edit]");
    if (editing) startEditing(editing.closest(".message"), editing.dataset.edit);
    const prompt = event.target.closest("[data-prompt]");
    if (prompt) {
      if (prompt.dataset.thread) chooseThread(prompt.dataset.thread);
      put(prompt.dataset.prompt);
      send(room);
    }
  });
  refresh();
  if (matchMedia("(hover: hover)").matches) field.focus({ preventScroll: true });
}
