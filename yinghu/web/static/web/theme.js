// Before the page is drawn: light or dark, as chosen here or as the device says.
"use strict";
(function () {
  var chosen = null;
  try { chosen = localStorage.getItem("yinghu-theme"); } catch (e) { /* storage may be forbidden */ }
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  function apply() {
    document.documentElement.setAttribute("data-bs-theme", chosen || (dark.matches ? "dark" : "light"));
  }
  apply();
  dark.addEventListener("change", apply);
  window.yinghuTheme = function () {
    chosen = document.documentElement.getAttribute("data-bs-theme") === "dark" ? "light" : "dark";
    try { localStorage.setItem("yinghu-theme", chosen); } catch (e) { /* then for this page only */ }
    apply();
  };
})();
