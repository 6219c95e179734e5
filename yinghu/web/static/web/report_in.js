// Reporting in: the button asks the phone where it is, and goes on without, if it does not say.
"use strict";
(function () {
  var WAIT = 8000; // ms for the phone to find out
  document.querySelectorAll("form[data-report-in]").forEach(function (form) {
    var asked = false;
    form.addEventListener("submit", function (event) {
      if (asked || !navigator.geolocation) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      asked = true;
      var said = form.querySelector("[data-report-said]");
      function go(words) {
        if (words) said.textContent = words;
        form.requestSubmit();
      }
      said.textContent = form.dataset.asking;
      navigator.geolocation.getCurrentPosition(function (found) {
        form.elements.point.value = found.coords.longitude.toFixed(6) + "," + found.coords.latitude.toFixed(6);
        go("");
      }, function () { go(form.dataset.without); }, { enableHighAccuracy: true, timeout: WAIT, maximumAge: 60000 });
    }, true);
  });
})();
