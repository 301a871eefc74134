// Copies what a field holds. Where the clipboard is closed (no HTTPS, no permission) it is selected for the keyboard instead.
const button = document.querySelector("[data-copies]");
const field = button && document.getElementById(button.dataset.copies);
field?.addEventListener("focus", () => field.select());
if (button && navigator.clipboard) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(field.value);
      button.textContent = "Copied";
    } catch {
      field.focus();
    }
  });
}
