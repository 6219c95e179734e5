// Reporting in: sends the phone's position, or none if unavailable. Repeated presses wait for the same
// answer; if the list is redrawn meanwhile, the new form with the same id is sent. It has a
// timer of its own: the browser's stops while the user is asked for permission, and some browsers
// never call back.
"use strict";
(function () {
  var WAIT = 8000; // ms to wait for the position
  var PATIENCE = 12000; // ms to wait for an answer of any kind
  var asking = {}, answers = {}; // by form id
  function say(form, what) { form.querySelector("[data-report-said]").textContent = form.dataset[what]; }
  function go(id) {
    var form = document.getElementById(id);
    delete asking[id];
    if (!form) return; // A colleague has reported in already.
    if (!answers[id]) say(form, "without");
    form.requestSubmit();
  }
  // A redrawn form would say again that nothing was pressed.
  document.addEventListener("htmx:afterSwap", function () {
    Object.keys(asking).forEach(function (id) {
      var form = document.getElementById(id);
      if (form) say(form, "asking");
    });
  });
  document.addEventListener("submit", function (event) {
    var form = event.target, id = form.id;
    if (!form.hasAttribute("data-report-in") || !navigator.geolocation) return;
    if (id in answers) { form.elements.point.value = answers[id]; return; }
    event.preventDefault();
    event.stopImmediatePropagation();
    say(form, "asking");
    if (asking[id]) return;
    asking[id] = true;
    function settle(point) {
      if (id in answers) return;
      answers[id] = point;
      go(id);
    }
    setTimeout(settle, PATIENCE, "");
    navigator.geolocation.getCurrentPosition(function (found) {
      settle(found.coords.longitude.toFixed(6) + "," + found.coords.latitude.toFixed(6));
    }, function () { settle(""); }, { enableHighAccuracy: true, timeout: WAIT, maximumAge: 60000 });
  }, true);
})();
