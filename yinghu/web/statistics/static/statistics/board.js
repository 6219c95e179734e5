// The board on a wall screen: clock, full screen, and dark unless chosen otherwise.
"use strict";
(function () {
  var clock = document.querySelector("[data-clock]");
  if (clock) {
    var tick = function () {
      clock.textContent = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", timeZone: clock.dataset.zone });
    };
    tick();
    setInterval(tick, 1000);
    document.documentElement.setAttribute("data-bs-theme", "dark");
  }
  document.addEventListener("keydown", function (event) {
    if (event.key !== "f" || event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
    if (!clock) { document.querySelector("[data-wall]").click(); return; }
    if (document.fullscreenElement) document.exitFullscreen();
    else document.documentElement.requestFullscreen().catch(function () { /* refused */ });
  });
})();
