"use strict";
document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-theme-toggle]")) return;
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme:dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("q-theme", root.dataset.theme);
});
function live(connected) {
  const pill = document.querySelector("[data-live]");
  if (!pill) return;
  pill.lastElementChild.textContent = connected ? "Live" : "Reconnecting…";
  pill.firstElementChild.classList.toggle("live", connected);
}
document.addEventListener("htmx:sse:error", () => live(false));
document.addEventListener("htmx:sse:after:connection", () => live(true));
