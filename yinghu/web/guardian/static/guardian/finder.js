// Pages of finders and families: position by a button, large type, and the board kept up to date.
"use strict";
(function () {
  var large = document.querySelector("[data-large]");
  if (large) large.addEventListener("click", function () { window.yinghuLarge(); });

  var locate = document.querySelector("[data-locate]");
  if (locate) locate.addEventListener("click", function () {
    var said = document.getElementById("located"), form = locate.form, words = locate.dataset;
    function failed() { said.textContent = words.failed; }
    if (!navigator.geolocation) { failed(); return; }
    said.textContent = words.wait;
    navigator.geolocation.getCurrentPosition(function (found) {
      var at = found.coords;
      form.elements.lon.value = at.longitude;
      form.elements.lat.value = at.latitude;
      form.elements.accuracy.value = Math.round(at.accuracy);
      said.textContent = words.said + " (" + words.metres.replace("{n}", Math.round(at.accuracy)) + ")";
    }, failed, { enableHighAccuracy: true, timeout: 15000, maximumAge: 30000 });
  });

  // A second press sends nothing; the form's own id would store it once anyway.
  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (!form.hasAttribute("data-once")) return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
  });
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("form[data-once]").forEach(function (form) { delete form.dataset.sent; });
  });

  var board = document.querySelector("[data-board]"), last = "";
  function look() {
    if (document.hidden) return;
    fetch(location.pathname + "?part=board", { cache: "no-store" }).then(function (answer) {
      return answer.ok ? answer.text() : null;
    }).then(function (text) {
      if (text === null || text === last) return;
      if (last || text !== board.innerHTML) board.innerHTML = text;
      last = text;
    }).catch(function () { /* tried again soon */ });
  }
  if (board) {
    setInterval(look, 3000);
    document.addEventListener("visibilitychange", look);
  }
})();
