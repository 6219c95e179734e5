// Out there: the free tasks by how far they are, once somebody asks for that.
"use strict";
(function () {
  function offer() {
    document.querySelectorAll("[data-near]").forEach(function (button) { button.hidden = !navigator.geolocation; });
  }
  document.addEventListener("click", function (event) {
    var button = event.target.closest("[data-near]");
    if (!button) return;
    button.setAttribute("aria-busy", "true");
    navigator.geolocation.getCurrentPosition(function (position) {
      // A hundred metres are near enough to put tasks in their order.
      window.location.assign(button.dataset.near + "?lon=" + position.coords.longitude.toFixed(3)
        + "&lat=" + position.coords.latitude.toFixed(3));
    }, function () {
      var note = document.getElementById("near-said");
      button.removeAttribute("aria-busy");
      note.hidden = false;
      note.textContent = button.dataset.denied;
    }, { timeout: 20000, maximumAge: 60000 });
  });
  document.addEventListener("htmx:load", offer);
  offer();
})();
