// The app's dialog: shown, changed and closed as the server says; its fields keep what is in them while it changes.
import { post } from "./acts.js";

const dialog = document.getElementById("dialog");

function filled(form) {
  return form ? new Map([...form.elements].filter((field) => /^f\d+$/.test(field.name)).map((field) => [`${field.name} ${field.type} ${field.type === "radio" || field.type === "checkbox" ? field.value : ""}`, field])) : new Map();
}

export function showDialog(html) {
  if (!html) {
    if (dialog.open) dialog.close();
    dialog.replaceChildren();
    return;
  }
  const before = dialog.querySelector("form");
  const template = document.createElement("template");
  template.innerHTML = html;
  const next = template.content.firstElementChild;
  if (before?.dataset.view === next.dataset.view) {
    const old = filled(before);
    for (const [key, field] of filled(next)) {
      const was = old.get(key);
      if (!was) continue;
      if (field.type === "radio" || field.type === "checkbox") field.checked = was.checked;
      else field.value = was.value;
    }
  }
  dialog.replaceChildren(next);
  if (!dialog.open) dialog.showModal();
  next.querySelector(".dialog-body :is(input:not([type=hidden]), select, textarea)")?.focus();
}

function showFaults(form, faults) {
  for (const field of form.querySelectorAll(".field")) {
    const text = faults[field.dataset.block] ?? "";
    field.querySelector(".field-fault").textContent = text;
    for (const input of field.querySelectorAll("input, select, textarea")) input.setAttribute("aria-invalid", String(Boolean(text)));
  }
  form.querySelector('[aria-invalid="true"]')?.focus();
}

// Sends a dialog and shows what is wrong with its fields; returns whether the form was a dialog's to send.
export async function sendDialog(form, submitter) {
  if (!submitter?.hasAttribute("data-submit")) return false;
  const { ok, faults } = await post(form, submitter);
  showFaults(form, ok ? {} : faults ?? {});
  return true;
}

export function startDialog() {
  if (dialog.querySelector("form")) dialog.showModal();
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    dialog.querySelector("[data-close]")?.click();
  });
}
