// Reporting in: the button asks the phone where it is, and goes on without, if it does not say. Pressed
// again while the phone is finding out, it waits for the one answer.
"use strict";
(function () {
  var WAIT = 8000; // ms for the phone to find out
  document.addEventListener("submit", function (event) {
    var form = event.target, said = form.querySelector("[data-report-said]");
    if (!form.hasAttribute("data-report-in") || form.dataset.asked === "yes" || !navigator.geolocation) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (form.dataset.asked) return;
    form.dataset.asked = "asking";
    said.textContent = form.dataset.asking;
    function go() {
      form.dataset.asked = "yes";
      form.requestSubmit();
    }
    navigator.geolocation.getCurrentPosition(function (found) {
      form.elements.point.value = found.coords.longitude.toFixed(6) + "," + found.coords.latitude.toFixed(6);
      go();
    }, function () {
      said.textContent = form.dataset.without;
      go();
    }, { enableHighAccuracy: true, timeout: WAIT, maximumAge: 60000 });
  }, true);
})();
