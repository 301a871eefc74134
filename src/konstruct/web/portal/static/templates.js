// Shows how a template will read while its places are filled in. Without it, a button asks the server.
document.addEventListener("input", (event) => {
  const field = event.target.closest("[data-place]");
  if (!field) return;
  for (const blank of document.querySelectorAll(`[data-fills="${CSS.escape(field.dataset.place)}"]`)) {
    blank.textContent = field.value.trim() || blank.dataset.empty;
    blank.classList.toggle("filled", Boolean(field.value.trim()));
  }
});
