"use strict";
const chosen = localStorage.getItem("q-theme");
if (chosen) document.documentElement.dataset.theme = chosen;
