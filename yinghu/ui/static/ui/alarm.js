// The lane of alarms sounds until somebody looks, and puts a sign into the title of the page.
"use strict";
(function () {
  var EVERY = 4000, QUIET = 600000; // ms between sounds; how long one is muted
  var FRESH = 1000; // ms for which what has just come or changed cannot be pressed
  var SIGN = "🔴 ", audio = null, lane = document.getElementById("alarms"), fresh = 0;
  if (!lane) return;
  var said = document.getElementById("alarm-said"), told = newest();
  var before = cases();
  function unseen() { return lane.querySelectorAll("[data-alarm]").length; }
  // Grows with each alarm that nobody looks at yet.
  function newest() { var some = lane.querySelector("[data-newest]"); return some ? Number(some.dataset.newest) : 0; }
  // Until when it is quiet, and which alarm was the newest then: a later one sounds.
  function quiet() {
    try { return (localStorage.getItem("yinghu-alarm-quiet") || "").split(" ").map(Number); } catch (none) { return []; }
  }
  function mute(until) {
    try { localStorage.setItem("yinghu-alarm-quiet", until + " " + newest()); } catch (none) { /* not kept */ }
  }
  function isMuted() { var kept = quiet(); return Date.now() < kept[0] && newest() <= kept[1]; }
  function isBlocked() { return !audio || audio.state !== "running"; }
  // Browsers allow sound only after something on the page was pressed.
  function unlock() {
    var Audio = window.AudioContext || window.webkitAudioContext;
    if (!audio && Audio) audio = new Audio();
    if (audio && audio.state === "suspended") audio.resume().then(show, function () { /* stays silent */ });
    show();
  }
  function beep(at, tone) {
    var source = audio.createOscillator(), level = audio.createGain();
    source.frequency.value = tone;
    level.gain.setValueAtTime(0.25, at);
    level.gain.exponentialRampToValueAtTime(0.001, at + 0.35);
    source.connect(level).connect(audio.destination);
    source.start(at);
    source.stop(at + 0.35);
  }
  function sound() {
    if (!unseen() || isMuted() || isBlocked()) return;
    [880, 660, 880].forEach(function (tone, n) { beep(audio.currentTime + n * 0.4, tone); });
    lane.dataset.sounded = String(Number(lane.dataset.sounded || 0) + 1);
  }
  function show() {
    var button = lane.querySelector("[data-alarm-sound]"), plain = document.title.replace(SIGN, "");
    document.title = (unseen() ? SIGN : "") + plain;
    if (!button) return;
    button.hidden = !unseen();
    var text = isMuted() ? button.dataset.muted : isBlocked() ? button.dataset.blocked : button.dataset.mute;
    button.querySelector("span").textContent = button.title = text;
    button.querySelector("use").setAttribute("href", button.querySelector("use").getAttribute("href").replace(/#.*/, isMuted() ? "#bell-off" : "#volume"));
  }
  function cases() {
    return Array.from(lane.querySelectorAll("[data-case]"), function (each) { return each.dataset.case + each.className; }).join();
  }
  // Somebody may be about to press what was here, or what lies beneath.
  function settle() {
    if (cases() === before) return;
    before = cases();
    lane.classList.add("is-fresh");
    clearTimeout(fresh);
    fresh = setTimeout(function () { lane.classList.remove("is-fresh"); }, FRESH);
  }
  document.addEventListener("pointerdown", unlock, true);
  document.addEventListener("keydown", unlock, true);
  lane.addEventListener("click", function (event) {
    if (!event.target.closest("[data-alarm-sound]")) return;
    mute(isMuted() || lane.dataset.sounded === undefined ? 0 : Date.now() + QUIET);
    show();
    sound();
  });
  // Screen readers hear of each new alarm once, and not of the button's words nor of passing minutes.
  function announce() {
    var what = lane.querySelector("#alarms-all") ? null : lane.querySelector("[data-alarm] .alarm-what");
    if (newest() > told) said.textContent = said.dataset.said + (what ? " " + what.textContent.trim() : "");
    told = Math.max(told, newest());
  }
  document.addEventListener("htmx:afterSwap", function (event) {
    if (event.target === lane) { settle(); show(); sound(); announce(); }
  });
  setInterval(function () { show(); sound(); }, EVERY);
  unlock();
  sound();
})();
