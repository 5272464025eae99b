"use strict";
// A number is copied by a button; without scripts there is none.
for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy.replaceAll(" ", ""));
    button.textContent = button.dataset.done;
  });
}
