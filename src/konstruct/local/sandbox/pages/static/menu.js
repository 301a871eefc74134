// The sidebar of a narrow page: opened by a button, closed by Escape or a click beside it.
export function startMenu() {
  const { body } = document;
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
