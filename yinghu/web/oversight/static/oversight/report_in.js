// Reporting in: the button asks the phone where it is, and goes on without, if it does not say. Pressed
// again while the phone is finding out, it waits for the one answer; a list drawn anew meanwhile has
// another form with the same id, which then is the one that is sent.
"use strict";
(function () {
  var WAIT = 8000; // ms for the phone to find out
  var asking = {}, answers = {}; // by id of the form
  function say(form, what) { form.querySelector("[data-report-said]").textContent = form.dataset[what]; }
  function go(id) {
    var form = document.getElementById(id);
    delete asking[id];
    if (!form) return; // Somebody of the unit was faster.
    if (!answers[id]) say(form, "without");
    form.requestSubmit();
  }
  document.addEventListener("submit", function (event) {
    var form = event.target, id = form.id;
    if (!form.hasAttribute("data-report-in") || !navigator.geolocation) return;
    if (id in answers) { form.elements.point.value = answers[id]; return; }
    event.preventDefault();
    event.stopImmediatePropagation();
    say(form, "asking");
    if (asking[id]) return;
    asking[id] = true;
    navigator.geolocation.getCurrentPosition(function (found) {
      answers[id] = found.coords.longitude.toFixed(6) + "," + found.coords.latitude.toFixed(6);
      go(id);
    }, function () {
      answers[id] = "";
      go(id);
    }, { enableHighAccuracy: true, timeout: WAIT, maximumAge: 60000 });
  }, true);
})();
