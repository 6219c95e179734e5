// Large type, and reading the page aloud.
"use strict";
(function () {
  var large = document.querySelector("[data-large]");
  large.setAttribute("aria-pressed", String(document.documentElement.classList.contains("large")));
  large.addEventListener("click", function () { large.setAttribute("aria-pressed", String(window.yinghuLarge())); });
  var aloud = document.querySelector("[data-aloud]"), speech = window.speechSynthesis;
  function words() {
    var said = [];
    document.getElementById("main").querySelectorAll("h1, h2, p, li, dt, dd, label, legend, small, summary, .tile span, .alert div").forEach(function (part) {
      var inside = part.parentElement.closest("h1, h2, p, li, dt, dd, label, legend, small, summary, .alert div");
      if (inside || !part.offsetParent || part.classList.contains("visually-hidden")) return;
      var text = part.innerText.replace(/\s+/g, " ").trim();
      if (text) said.push(text);
    });
    return said;
  }
  function quiet() {
    speech.cancel();
    aloud.setAttribute("aria-pressed", "false");
  }
  if (speech && window.SpeechSynthesisUtterance) {
    aloud.hidden = false;
    aloud.addEventListener("click", function () {
      if (aloud.getAttribute("aria-pressed") === "true") { quiet(); return; }
      speech.cancel();
      aloud.setAttribute("aria-pressed", "true");
      var lines = words();
      // Line by line: browsers cut off long utterances.
      lines.forEach(function (line, index) {
        var speaks = new SpeechSynthesisUtterance(line);
        speaks.lang = document.documentElement.lang === "en" ? "en-US" : "zh-CN";
        speaks.rate = 0.9;
        speaks.onerror = function (event) {
          if (/cancel|interrupt/.test(event.error)) return;
          quiet();
          document.dispatchEvent(new CustomEvent("yinghu:tell", { detail: aloud.dataset.noVoice }));
        };
        if (index === lines.length - 1) speaks.onend = function () { aloud.setAttribute("aria-pressed", "false"); };
        speech.speak(speaks);
      });
    });
    window.addEventListener("pagehide", function () { speech.cancel(); });
  }
})();
