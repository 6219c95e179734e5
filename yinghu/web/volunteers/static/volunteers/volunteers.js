// Volunteers' pages: position and printing. Each page works without this file.
"use strict";
(function () {
  document.querySelectorAll("[data-print]").forEach(function (button) {
    button.hidden = false;
    button.addEventListener("click", function () { window.print(); });
  });
  var form = document.querySelector("form[data-here]");
  if (!form || !navigator.geolocation) return;
  form.hidden = false;
  form.addEventListener("submit", function (event) {
    if (form.elements.lon.value) return;
    event.preventDefault();
    form.setAttribute("aria-busy", "true");
    navigator.geolocation.getCurrentPosition(function (position) {
      // Precise to about a hundred metres, which is enough.
      form.elements.lon.value = position.coords.longitude.toFixed(3);
      form.elements.lat.value = position.coords.latitude.toFixed(3);
      form.submit();
    }, function () {
      var note = form.querySelector("[data-said]");
      form.removeAttribute("aria-busy");
      note.hidden = false;
      note.textContent = form.querySelector("button").dataset.denied;
      document.getElementById("me-area").focus();
    }, { timeout: 20000, maximumAge: 60000 });
  });
})();
