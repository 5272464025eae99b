"use strict";
document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-theme-toggle]")) return;
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme:dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("q-theme", root.dataset.theme);
});
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-go]")) event.target.form.requestSubmit();
});
function live(connected) {
  const pill = document.querySelector("[data-live]");
  if (!pill) return;
  pill.lastElementChild.textContent = connected ? "Live" : "Reconnecting…";
  pill.firstElementChild.classList.toggle("live", connected);
}
if (document.querySelector("#stream")) document.querySelector("[data-live]").hidden = false;
document.addEventListener("htmx:sse:error", () => live(false));
document.addEventListener("htmx:sse:after:connection", () => live(true));
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input,textarea,select")) return;
  event.preventDefault();
  document.querySelector(".search input")?.focus();
});
// The editor: a message is shown anew while it is written, a place that is named is gone to, a name is put in.
const editor = document.querySelector("[data-edit]");
if (editor) {
  const text = editor.querySelector("textarea");
  const show = editor.querySelector("[data-show]");
  let waiting;
  const soon = (wait) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => editor.requestSubmit(show), wait);
  };
  if (show) {
    soon(0);
    text.addEventListener("input", () => soon(400));
    editor.elements.about.addEventListener("change", () => soon(0));
  }
  editor.addEventListener("click", (event) => {
    const { line, file, insert } = event.target.dataset;
    if (insert) {
      text.setRangeText(`{{${insert}}}`, text.selectionStart, text.selectionEnd, "end");
      text.focus();
      if (show) soon(0);
    }
    if (line && file === editor.elements.file.value) {
      const lines = text.value.split("\n");
      const start = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
      text.focus();
      text.setSelectionRange(start, start + lines[line - 1].length);
      text.scrollTop = Math.max(0, (line - 6) * parseFloat(getComputedStyle(text).lineHeight));
    }
  });
}
// Reconciliation: J and K move, Enter accepts the first proposal, U undoes the last decision.
document.addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input,textarea,select,button,a,summary")) return;
  const rows = [...document.querySelectorAll(".wb a.tx")];
  const at = rows.findIndex((row) => row.getAttribute("aria-current") === "true");
  const press = (selector) => document.querySelector(selector)?.click();
  if (event.key === "j") rows[at + 1]?.click();
  else if (event.key === "k") rows[at - 1]?.click();
  else if (event.key === "Enter") press("[data-accept]");
  else if (event.key === "u") press("[data-undo]");
});
