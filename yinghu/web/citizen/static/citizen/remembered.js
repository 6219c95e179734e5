// The cases filed on this phone: number and link only, kept in the browser for 90 days or until they
// are cleared, and never sent. Without this file, people keep the link themselves.
"use strict";
(function () {
  var KEY = "yinghu-filed", MOST = 20, DAYS_90 = 90 * 86400e3;
  function kept() {
    var found = [];
    try { found = JSON.parse(localStorage.getItem(KEY)) || []; } catch (e) { /* no storage, or unreadable */ }
    return found.filter(function (each) { return Date.now() - each.at < DAYS_90 && /^\/t\/[\w-]+$/.test(each.link); });
  }
  // Whether it was written: storage may be forbidden or full.
  function keep(cases) {
    try {
      if (cases.length) localStorage.setItem(KEY, JSON.stringify(cases.slice(0, MOST)));
      else localStorage.removeItem(KEY);
      return true;
    } catch (e) { return false; }
  }
  function without(link) { return kept().filter(function (each) { return each.link !== link; }); }

  var filed = document.querySelector("[data-remember]");
  if (filed) {
    var link = filed.dataset.remember, known = kept().length > without(link).length, forgotten = "yinghu-forgotten:" + link;
    var declined = false;
    try { declined = !!sessionStorage.getItem(forgotten); } catch (e) { /* no storage */ }
    if (known || !declined && keep([{ number: filed.dataset.number, link: link, at: Date.now() }].concat(without(link)))) filed.hidden = false;
    filed.querySelector("button").addEventListener("click", function () {
      keep(without(link));
      try { sessionStorage.setItem(forgotten, "yes"); } catch (e) { /* no storage */ }
      filed.querySelector("span").textContent = filed.dataset.forgotten;
      this.remove();
    });
  }

  var list = document.querySelector("[data-remembered]");
  function draw() {
    var cases = kept();
    document.querySelectorAll("[data-if-remembered]").forEach(function (part) { part.hidden = !cases.length; });
    if (!list) return;
    list.hidden = !cases.length;
    list.querySelector("ul").replaceChildren.apply(list.querySelector("ul"), cases.map(function (each) {
      var row = document.createElement("li"), door = document.createElement("a"), number = document.createElement("b"), when = document.createElement("time");
      door.className = "card";
      door.href = each.link;
      number.className = "row-number";
      number.textContent = each.number;
      when.dateTime = new Date(each.at).toISOString();
      when.textContent = new Date(each.at).toLocaleDateString(document.documentElement.lang);
      door.append(number, when);
      row.append(door);
      return row;
    }));
  }
  if (list) list.querySelector("button").addEventListener("click", function () { keep([]); draw(); });
  draw();
})();
