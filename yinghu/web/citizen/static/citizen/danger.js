// Where what is typed or answered may tell of a danger, show the numbers to call at once. Nothing is
// sent: a small model (`triage/danger.json`) reads the words in the phone.
"use strict";
(function () {
  var panel = document.getElementById("danger"), model = null, asked = false, timer = 0;
  if (!panel) return;
  var WORDS = "[data-danger-words], [data-draft] textarea";
  var TOKEN = /(\d+(?:\.\d+)?多?|[零一二三四五六七八九十百千两几]+多?(?=[个名人岁楼层天米分小点次盒罐顿口只辆户周]))|([a-z]+(?:['’][a-z]+)*)|([\s,。!?;:、….~—\-"“”'()【】《》]+)|([^])/gu;
  var FEW = /^(?:[1-3](?:\.\d+)?|[一二两三几]{1,2})$/;
  // As `plain_text` in yinghu/triage/urgency.py.
  function pieces(text) {
    var simple = Array.from(text).map(function (char) { return model.simple[char] || char; }).join("");
    var found = ["^"], pause = null;
    Array.from(simple.normalize("NFKC").toLowerCase().matchAll(TOKEN)).forEach(function (token) {
      if (token[3]) { pause = token[3]; return; }
      var last = found[found.length - 1];
      if (pause && found.length > 1 && !(token[2] && last[0] === " " && !pause.trim())) found.push(",");
      pause = null;
      found.push(token[2] ? " " + token[2] : token[1] ? (FEW.test(token[1]) ? "1" : "9") : token[4]);
    });
    return found.concat("$");
  }
  function score(text) {
    var read = pieces(text), seen = {}, sum = 0, count = 0;
    for (var length = 1; length <= 3; length += 1) {
      for (var start = 0; start + length <= read.length; start += 1) {
        var run = read.slice(start, start + length).join("");
        if (model.runs[run] === undefined || seen[run]) continue;
        seen[run] = true;
        sum += model.runs[run];
        count += 1;
      }
    }
    return count ? model.bias + sum / Math.sqrt(count) : -1;
  }
  function says(field) {
    if (field.matches("[data-danger]")) return field.checked;
    return model !== null && field.value.trim().length > 1 && score(field.value.slice(0, 2000)) > 0;
  }
  function look() {
    var found = Array.from(document.querySelectorAll("[data-danger], " + WORDS)).some(says);
    if (panel.hidden === found) panel.hidden = !found;
  }
  function soon() {
    clearTimeout(timer);
    timer = setTimeout(look, 300);
  }
  function load() {
    if (asked) return;
    asked = true;
    fetch(panel.dataset.model).then(function (answer) { return answer.json(); })
      .then(function (found) { model = found; look(); }, function () { asked = false; });
  }
  document.addEventListener("input", function (event) {
    if (!event.target.matches(WORDS)) { look(); return; }
    load();
    soon();
  });
  document.addEventListener("change", look);
  document.addEventListener("htmx:afterSwap", look);
  // A first visit stays light: the model comes when somebody begins to write.
  document.addEventListener("focusin", function (event) { if (event.target.matches(WORDS)) load(); });
  look();
})();
