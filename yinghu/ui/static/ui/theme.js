// Theme and large type, applied before the page is drawn: the user's choice, else the device's.
"use strict";
(function () {
  var chosen = null, root = document.documentElement;
  root.classList.add("has-script");
  try {
    chosen = localStorage.getItem("yinghu-theme");
    if (localStorage.getItem("yinghu-large")) root.classList.add("large");
  } catch (e) { /* storage may be forbidden */ }
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  function apply() {
    document.documentElement.setAttribute("data-bs-theme", chosen || (dark.matches ? "dark" : "light"));
  }
  apply();
  dark.addEventListener("change", apply);
  window.yinghuLarge = function () {
    var large = root.classList.toggle("large");
    try {
      if (large) localStorage.setItem("yinghu-large", "1"); else localStorage.removeItem("yinghu-large");
    } catch (e) { /* not stored */ }
    return large;
  };
  window.yinghuTheme = function () {
    chosen = document.documentElement.getAttribute("data-bs-theme") === "dark" ? "light" : "dark";
    try { localStorage.setItem("yinghu-theme", chosen); } catch (e) { /* not stored */ }
    apply();
  };
})();
