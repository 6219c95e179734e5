// Keeps clocks and times of open pages up to date, with the texts of `times.py`.
"use strict";
(function () {
  var EVERY = 15000; // ms; texts show minutes
  var said = document.querySelector('meta[name="time-words"]');
  if (!said) return;
  var words = JSON.parse(said.content);
  var ahead = Date.now() - 1000 * words.now; // ms that this device's clock is ahead of the server's

  function several(forms, n) { return forms[n === 1 ? 0 : 1].replace("%d", n); }

  function span(seconds) {
    var minutes = Math.floor(Math.abs(seconds) / 60), hours = Math.floor(minutes / 60), rest = minutes % 60;
    if (hours >= 48) return several(words.days, Math.floor(hours / 24));
    if (hours >= 1 && hours < 6 && rest) return words.hoursMinutes.replace("%(hours)d", hours).replace("%(minutes)d", rest);
    return hours ? several(words.hours, hours) : several(words.minutes, Math.max(minutes, 1));
  }

  function say(element, text) { if (element.textContent !== text) element.textContent = text; }

  function runOn(clock, now) {
    var rest = Number(clock.dataset.due) - now, late = rest < 0;
    var look = late ? "text-red" : rest < words.soon ? "text-orange" : "text-secondary";
    if (!clock.classList.contains(look)) {
      clock.classList.remove("text-red", "text-orange", "text-secondary");
      clock.classList.add(look);
      var use = clock.querySelector("use");
      use.setAttribute("href", use.getAttribute("href").replace(/#.*/, late ? "#clock-exclamation" : "#clock"));
    }
    say(clock.querySelector(".clock-left"), (late ? words.late : words.left).replace("%s", span(rest)));
  }

  function pass() {
    var now = (Date.now() - ahead) / 1000;
    document.querySelectorAll("[data-due]").forEach(function (clock) { runOn(clock, now); });
    document.querySelectorAll("[data-since]").forEach(function (time) {
      var passed = now - Number(time.dataset.since);
      say(time, passed < 60 ? words.justNow : words.ago.replace("%s", span(passed)));
    });
  }

  setInterval(function () { if (!document.hidden) pass(); }, EVERY);
  document.addEventListener("visibilitychange", function () { if (!document.hidden) pass(); });
})();
