// Presses and choices: each is a form that goes to the server without leaving the page. What it leads to arrives live.
const ask = document.getElementById("ask");
const pressed = new Map();

export async function post(form, submitter) {
  const problem = form.querySelector(".problem");
  problem.textContent = "";
  submitter?.setAttribute("aria-busy", "true");
  try {
    const response = await fetch(submitter?.getAttribute("formaction") ?? form.getAttribute("action"), {
      method: "POST",
      headers: { Accept: "application/json" },
      // Not as multipart: there the quotes in a field's name would be escaped.
      body: new URLSearchParams(new FormData(form, submitter)),
    });
    const answer = await response.json().catch(() => ({}));
    if (response.ok) return { ok: !answer.faults, faults: answer.faults };
    throw new Error(typeof answer.detail === "string" ? answer.detail : `the server answered ${response.status}`);
  } catch (error) {
    const shown = form.isConnected ? problem : document.getElementById("problem");
    if (shown) shown.textContent = `${error.message[0].toUpperCase()}${error.message.slice(1)}${/[.?!]$/.test(error.message) ? "" : "."}`;
    return { ok: false };
  } finally {
    submitter?.removeAttribute("aria-busy");
  }
}

// Resolves to whether the person is sure.
function confirmed(words) {
  for (const name of ["title", "text", "deny", "confirm"]) document.getElementById(`ask-${name}`).textContent = words[name];
  document.getElementById("ask-confirm").className = `kit-button kit-${words.style === "danger" ? "danger" : "primary"}`;
  ask.returnValue = "deny";
  ask.showModal();
  return new Promise((resolve) => ask.addEventListener("close", () => resolve(ask.returnValue === "confirm"), { once: true }));
}

function mark(button) {
  const group = button.closest(".kit-feedback");
  for (const each of group?.querySelectorAll("button") ?? []) {
    each.setAttribute("aria-pressed", String(each === button));
    pressed.set(each.value, each === button);
  }
}

// A thread that was drawn afresh does not know which thumb was pressed.
export function markPressed(root) {
  for (const button of root.querySelectorAll(".kit-feedback button")) {
    if (pressed.get(button.value)) button.setAttribute("aria-pressed", "true");
  }
}

export function startActs(handle) {
  document.documentElement.classList.add("scripted");
  document.addEventListener("submit", async (event) => {
    const form = event.target.closest(".acts");
    if (!form) return;
    event.preventDefault();
    const { submitter } = event;
    if (submitter?.getAttribute("aria-busy")) return;
    const asking = submitter?.dataset.confirm ?? submitter?.parentElement.querySelector("[data-choose][data-confirm]")?.dataset.confirm;
    if (asking && !(await confirmed(JSON.parse(asking)))) return;
    if (await handle(form, submitter)) return;
    const { ok } = await post(form, submitter);
    if (ok && submitter) mark(submitter);
  });
  document.addEventListener("change", (event) => {
    if (!event.target.matches("[data-choose]")) return;
    event.target.form.requestSubmit(event.target.closest(".kit-choice, .kit-options").querySelector(".chooser"));
  });
  document.addEventListener("keydown", (event) => {
    // Enter in a field of a dialog sends the dialog, whichever button stands first.
    if (event.key !== "Enter" || !event.target.matches(".dialog-form input:not([type=checkbox], [type=radio])")) return;
    event.preventDefault();
    const submit = event.target.form.querySelector("[data-submit]");
    if (submit) event.target.form.requestSubmit(submit);
  });
}
