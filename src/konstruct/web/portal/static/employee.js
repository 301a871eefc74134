// The employee's form: counts characters, says what is not saved, and makes the chat beside it feel like one.
const form = document.getElementById("employee");
const talk = document.getElementById("talk");
const unsaved = document.getElementById("unsaved");
const number = new Intl.NumberFormat("en");

// Characters, as the server counts them: an emoji is one.
const length = (text) => [...text].length;

function count(field) {
  const counter = document.querySelector(`[data-counts="${field.id}"]`);
  if (!counter) return;
  const used = length(field.value);
  const most = Number(counter.dataset.most);
  counter.textContent = `${number.format(used)} / ${number.format(most)}`;
  counter.toggleAttribute("data-over", used > most);
}

// The time zone of whoever sits here is the likeliest one.
const zone = form.querySelector("select[data-guess]");
if (zone) {
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if ([...zone.options].some((option) => option.value === here)) zone.value = here;
}

// What is asked in the chat and the note for the list are no change of the employee.
const ASIDE = new Set(["question", "note", "based_on"]);
const state = () => JSON.stringify([...new FormData(form)].filter(([name]) => !ASIDE.has(name)));
const saved = state();
const fromTheStart = form.hasAttribute("data-dirty");
let leaving = false;

function isDirty() {
  return fromTheStart || state() !== saved;
}

function look(event) {
  if (event?.target.matches("input, textarea")) count(event.target);
  if (unsaved) unsaved.hidden = !isDirty();
}

form.addEventListener("input", look);
form.addEventListener("change", look);
form.addEventListener("submit", () => {
  leaving = true;
});
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-leaves]")) leaving = true;
});
addEventListener("pageshow", () => {
  leaving = false;
  // Browsers fill forms in again when somebody comes back.
  for (const field of form.querySelectorAll("input, textarea")) count(field);
  look();
});
addEventListener("beforeunload", (event) => {
  if (isDirty() && !leaving) event.preventDefault();
});
document.addEventListener("keydown", (event) => {
  if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "s") {
    event.preventDefault();
    document.getElementById("save")?.click();
  }
});

if (talk) {
  const toEnd = () => {
    const log = document.getElementById("talk-log");
    if (log) log.scrollTop = log.scrollHeight;
  };
  const bubble = (kind, text) => {
    const says = document.createElement("div");
    says.className = `says ${kind}`;
    const words = document.createElement("p");
    words.textContent = text;
    says.append(words);
    return says;
  };

  talk.addEventListener("keydown", (event) => {
    if (event.target.id !== "f-question" || event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    if (event.target.value.trim()) document.getElementById("ask").click();
  });

  // The question stands in the chat at once; the answer comes with the chat that replaces it.
  talk.addEventListener("htmx:before:request", (event) => {
    const box = document.getElementById("f-question");
    const asks = event.target.closest("#ask, [name=example]");
    if (!asks) return;
    const text = asks.id === "ask" ? box.value.trim() : asks.value;
    if (!text) {
      event.preventDefault();
      return;
    }
    if (asks.id === "ask") box.value = "";
    const log = document.getElementById("talk-log");
    log.querySelector("[data-empty]")?.remove();
    talk.querySelector(".error")?.remove();
    const typing = bubble("typing", "");
    typing.firstChild.append(...[1, 2, 3].map(() => document.createElement("i")));
    log.append(bubble("mine", text), typing);
    toEnd();
  });
  // The box is replaced as well: what somebody types meanwhile stays.
  let typed = "";
  document.addEventListener("htmx:before:swap", () => {
    typed = document.getElementById("f-question")?.value ?? "";
  });
  document.addEventListener("htmx:after:swap", () => {
    const box = document.getElementById("f-question");
    if (box && !box.value) box.value = typed;
    toEnd();
    if (document.activeElement === document.body) box?.focus({ preventScroll: true });
  });
  talk.addEventListener("htmx:error", () => {
    const log = document.getElementById("talk-log");
    log.querySelector(".typing")?.remove();
    log.append(bubble("lost", "The connection was lost. Ask again."));
    toEnd();
  });
  toEnd();
}
