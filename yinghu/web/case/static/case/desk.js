// Desks: keyboard shortcuts, opening cases without a reload, keeping drafts. A shortcut presses a
// visible button; every form and link works without this file.
"use strict";
(function () {
  var CALM = 350; // ms after a case is drawn during which presses are ignored as repeats
  var KEEP = 30000; // ms for which a prefetched case may be shown
  var GAP = /【[^【】0-9]{0,30}】|\{[^{}0-9]{0,30}\}|[_＿]{2,}/; // to be filled in; see reply_gaps.py
  var ahead = new Map(), drawnAt = 0, calm = 0, soon = 0, told = 0;
  var sender = window.yinghuSend, ask = sender.ask, parsed = sender.parsed, note = sender.note;
  function words(name) { return document.getElementById("desk-words").dataset[name]; }
  function root() { return document.querySelector(".split, .lone"); }
  function theCase() { return document.getElementById("case"); }
  function isWide() { return window.matchMedia("(min-width: 992px)").matches; }
  // ---- initialise new parts of the page
  function wake(part) {
    sender.restore(part);
    part.querySelectorAll("[data-keys], .story-only").forEach(function (tool) { tool.hidden = false; });
    part.querySelectorAll("[data-open-wide]").forEach(function (fold) { fold.open = isWide(); });
    only(theCase() && theCase().dataset.only || "");
    rove();
    clearTimeout(calm);
    if (Date.now() >= drawnAt + CALM) ready();
    else calm = setTimeout(ready, drawnAt + CALM - Date.now());
    clearTimeout(soon);
    soon = setTimeout(fetchAhead, 50);
  }
  function ready() { if (root()) root().classList.add("is-ready"); }
  function drawn(part) {
    drawnAt = Date.now();
    if (root()) root().classList.remove("is-ready");
    window.htmx.process(part);
    part.dispatchEvent(new CustomEvent("htmx:load", { bubbles: true, detail: { elt: part } }));
    wake(part);
  }
  function follow() {
    var page = root(), open = theCase();
    if (open && open.dataset.liveAt) page.dataset.live = open.dataset.liveAt;
    document.dispatchEvent(new CustomEvent("yinghu:live"));
  }
  function focusNext() {
    var part = theCase();
    if (!part) { document.getElementById("main").focus({ preventScroll: true }); return; }
    var next = part.querySelector("[aria-invalid]") || isWide() && part.querySelector("[data-focus]")
      || part.querySelector("article");
    next.focus({ preventScroll: !next.hasAttribute("aria-invalid") });
  }
  document.addEventListener("toggle", function (event) {
    var map = event.target.open && event.target.querySelector && event.target.querySelector(":scope > [data-map]");
    if (map && window.yinghuMap) window.yinghuMap(map);
  }, true);

  // ---- drawing a whole desk, or one case in it
  function adopt(page, address) {
    var main = document.getElementById("main"), fresh = page.getElementById("main");
    if (!fresh || !page.querySelector(".split, .lone")) { window.location.assign(address); return; }
    main.className = fresh.className;
    main.replaceChildren.apply(main, Array.from(fresh.childNodes));
    document.body.className = page.body.className;
    document.title = page.title;
    var desks = document.getElementById("desks"), counted = page.getElementById("desks");
    if (desks && counted) desks.innerHTML = counted.innerHTML;
    window.scrollTo(0, 0);
    showOpenRow();
    drawn(main);
    if (desks) window.htmx.process(desks);
    follow();
    focusNext();
    var told = main.querySelector("#messages, #skipped > div");
    var open = theCase();
    sender.say((told ? told.textContent.trim() + " " : "") + (open ? words("opened") + " " + open.dataset.number : ""));
  }
  function draw(text) {
    var split = root();
    split.querySelector(".pane").innerHTML = text;
    split.querySelector(".pane").scrollTop = 0;
    split.classList.add("has-case");
    split.classList.remove("bare");
    drawn(split.querySelector(".pane"));
    mark();
    follow();
    focusNext();
    if (theCase()) sender.say(words("opened") + " " + theCase().dataset.number);
  }
  // Redraw the same case with its errors; keep the chosen photos.
  function drawAgain(page, form) {
    var open = theCase(), fresh = page.getElementById("case");
    var files = sender.filesOf(form);
    open.innerHTML = fresh.innerHTML;
    open.dataset.liveAt = (open.dataset.liveAt || "").replace(/version=\d*/, "version=" + ((fresh.dataset.liveAt || "").match(/version=(\d*)/) || [])[1]);
    sender.choose(files);
    drawn(open);
    follow();
    focusNext();
    var wrong = open.querySelector(".alert-danger, .wrong");
    if (wrong) { wrong.scrollIntoView({ block: "nearest" }); sender.say(wrong.textContent.trim()); }
  }
  function rows() { return Array.from(document.querySelectorAll(".split #rows .row-item")); }
  function mark() {
    var open = theCase(), number = open && open.dataset.number;
    rows().forEach(function (row) {
      var is = row.id === "row-" + number;
      row.classList.toggle("chosen", is);
      if (is) row.setAttribute("aria-current", "true"); else row.removeAttribute("aria-current");
    });
    rove();
  }
  // The list is one stop of the Tab key, and the case comes next; j, k and arrows go through it.
  function rove() {
    var all = rows(), at = all.indexOf(document.activeElement);
    if (at < 0) at = all.findIndex(function (row) { return row.classList.contains("chosen"); });
    all.forEach(function (row, n) { row.tabIndex = n === Math.max(at, 0) ? 0 : -1; });
  }
  function showOpenRow() {
    var row = isWide() && document.querySelector(".split #rows .chosen");
    if (row) row.scrollIntoView({ block: "nearest" });
  }
  document.addEventListener("focusin", function (event) {
    if (event.target.matches(".split #rows .row-item")) rove();
  });

  // ---- verbs
  function isOurs(form) { return form.hasAttribute("data-once") && form.closest(".split, .lone, #skipped"); }
  // A repeated key press meant for the previous case must not act on the new one.
  document.addEventListener("submit", function (event) {
    if (isOurs(event.target) && !root().classList.contains("is-ready")) {
      event.preventDefault();
      event.stopImmediatePropagation();
    }
  }, true);
  sender.start({
    isOurs: isOurs,
    done: function (page, address) {
      var at = new URL(address);
      ahead.clear();
      at.searchParams.delete("skipped");
      history.replaceState(null, "", at);
      adopt(page, at.href);
    },
    wrong: function (page, form) {
      var open = theCase(), is = open && page.getElementById("case").dataset.number === open.dataset.number;
      if (is) drawAgain(page, form);
      return is;
    }
  });

  // Send the number of the next case, to open when this one leaves the list.
  document.addEventListener("formdata", function (event) {
    var next = event.target.closest("#case") && followingRow();
    if (next) event.formData.set("then", next.id.replace("row-", ""));
  });
  function followingRow() {
    var all = rows(), open = theCase();
    var at = open ? all.findIndex(function (row) { return row.id === "row-" + open.dataset.number; }) : -1;
    return at < 0 ? null : all[at + 1];
  }

  // ---- opening a case of the list; prefetching the next one
  function paneOf(address) {
    var at = new URL(address, window.location.href);
    at.searchParams.set("part", "pane");
    return at.href;
  }
  function fetchPane(address) {
    return ask(paneOf(address), { headers: { "HX-Request": "true" } }).then(function (answer) {
      if (answer.headers.get("X-Logged-Out")) throw { status: 401 };
      if (!answer.ok) throw answer;
      return answer.text();
    });
  }
  function fetchAhead() {
    var next = document.hidden ? null : followingRow();
    if (next) remember(next.href);
  }
  function remember(address) {
    var kept = ahead.get(address);
    if (kept && Date.now() - kept.at < KEEP) return;
    var coming = fetchPane(address);
    coming.catch(function () { ahead.delete(address); });
    ahead.set(address, { at: Date.now(), text: coming });
  }
  function open(address) {
    var kept = ahead.get(address);
    var text = kept && Date.now() - kept.at < KEEP ? kept.text : fetchPane(address);
    ahead.delete(address);
    text.then(function (html) {
      history.pushState(null, "", address);
      draw(html);
    }).catch(function (answer) {
      if (answer && answer.status === 401) sender.expired();
      else if (answer && answer.status) window.location.assign(address);
      else note(null, sender.words("offline"));
    });
  }
  document.addEventListener("click", function (event) {
    var plain = !event.defaultPrevented && event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
    var row = plain && event.target.closest(".split #rows .row-item");
    if (row) { event.preventDefault(); open(row.href); }
    var back = plain && event.target.closest(".split .pane .back");
    if (back) {
      event.preventDefault();
      root().classList.remove("has-case");
      history.pushState(null, "", window.location.pathname);
    }
    var fill = plain && event.target.closest("[data-fill]");
    if (fill) { event.preventDefault(); fillIn(fill); }
    var take = plain && event.target.closest("[data-take]");
    if (take) { event.preventDefault(); takeOffer(take); }
    var view = plain && event.target.closest("[data-only]:not(#case)");
    if (view) only(view.dataset.only);
    if (plain && event.target.closest("[data-keys]")) document.getElementById("keys").showModal();
  });
  window.addEventListener("popstate", function () {
    ask(window.location.href).then(function (answer) { return answer.text(); })
      .then(function (text) { adopt(parsed(text), window.location.href); })
      .catch(function () { note(null, sender.words("offline")); });
  });

  // Scroll to a form that the user opens, not to one that is open initially.
  var pressed = null;
  document.addEventListener("click", function (event) {
    var summary = event.target.closest(".case-acts .act > summary");
    if (summary) pressed = summary.parentElement;
  });
  document.addEventListener("toggle", function (event) {
    if (event.target !== pressed) return;
    pressed = null;
    if (event.target.open) event.target.scrollIntoView({ block: "nearest" });
  }, true);
  function fillIn(link) {
    var field = link.closest(".templates").nextElementSibling.querySelector("textarea");
    var typed = field.value.trim();
    if (typed && field.dataset.filled !== field.value && !window.confirm(words("replace"))) { field.focus(); return; }
    field.value = field.dataset.filled = link.dataset.fill;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.rows = 4;
    field.focus();
    var gap = GAP.exec(field.value), at = gap ? gap.index : field.value.length;
    field.setSelectionRange(at, gap ? at + gap[0].length : at);
  }
  function takeOffer(link) {
    var field = link.closest(".offered").querySelector("input");
    field.value = link.dataset.take;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    link.closest(".place-offer").remove();
    field.focus();
  }
  function only(which) {
    var part = theCase();
    if (!part) return;
    part.dataset.only = which;
    part.querySelectorAll("[data-only]").forEach(function (button) {
      button.setAttribute("aria-pressed", String(button.dataset.only === which));
    });
  }

  // ---- live updates by htmx: keep focus, map and chosen row
  var before = {};
  document.addEventListener("htmx:configRequest", function (event) {
    if (event.target.id === "rows" && theCase()) event.detail.parameters.case = theCase().dataset.number;
  });
  document.addEventListener("htmx:beforeSwap", function (event) {
    var at = document.activeElement;
    before = { focus: at && at.id, row: Boolean(at && at.closest("#rows")), rows: rows().length, map: event.target.querySelector && event.target.querySelector(".map.is-drawn") };
  });
  document.addEventListener("htmx:afterSwap", function (event) {
    if (event.target.id !== "case") mark();
    if (event.target.id === "case") {
      var map = event.target.querySelector("[data-map]");
      if (map && before.map && map.dataset.map === before.map.dataset.map) map.replaceWith(before.map);
    }
    if (event.target.id === "rows" || event.target.id === "case") wake(event.target);
    var again = before.focus && document.activeElement === document.body && document.getElementById(before.focus);
    // The focused row went to another desk, or there are more rows now: stay in the list.
    if (before.row && !again && document.activeElement === document.body) {
      again = rows()[before.rows] || rows().find(function (row) { return row.tabIndex === 0; });
    }
    if (again) again.focus({ preventScroll: true });
  });
  document.addEventListener("htmx:beforeRequest", function (event) {
    if (!navigator.onLine) event.preventDefault();
  });
  document.addEventListener("htmx:afterRequest", function (event) {
    if (event.detail.xhr.getResponseHeader("X-Logged-Out")) sender.expired();
  });

  // ---- keys
  // Say so when a shortcut is not available for this case.
  function nothing(key) {
    var box = document.getElementById("key-said");
    box.textContent = key === "m" ? words("nothingToMerge") : words("notNow") + " " + key;
    box.hidden = false;
    clearTimeout(told);
    told = setTimeout(function () { box.hidden = true; }, 4000);
  }
  function isTyping(at) {
    if (at.isContentEditable || /^(TEXTAREA|SELECT)$/.test(at.tagName)) return true;
    return at.tagName === "INPUT" && !/^(radio|checkbox|button|submit|file)$/.test(at.type);
  }
  function isShown(thing) {
    if (!thing.getClientRects().length) return false;
    for (var fold = thing.closest("details:not([open])"); fold; fold = fold.parentElement.closest("details:not([open])")) {
      if (fold !== thing.parentElement || thing.tagName !== "SUMMARY") return false;
    }
    return true;
  }
  function press(key) {
    // Open the focused row first: a shortcut must act only on the case on display.
    var row = document.activeElement.closest("#rows .row-item");
    if (row && theCase() && row.id !== "row-" + theCase().dataset.number && words("caseKeys").indexOf(key) >= 0) {
      row.click();
      return true;
    }
    var things = Array.from(document.querySelectorAll('[data-key="' + CSS.escape(key) + '"]')).filter(isShown);
    var thing = things.find(function (each) { return each.hasAttribute("data-merge"); }) || things[0];
    if (!thing) return false;
    if (thing.tagName !== "SUMMARY") { thing.click(); return true; }
    var fold = thing.parentElement;
    if (!fold.open) thing.click();
    var first = fold.querySelector("[data-merge]") || Array.from(fold.querySelectorAll("textarea, input, select, button")).find(function (field) {
      return field.type !== "hidden" && !field.hidden && !/^(radio|checkbox|file)$/.test(field.type);
    });
    if (first) first.focus();
    fold.scrollIntoView({ block: "nearest" });
    return true;
  }
  function step(by) {
    var all = rows();
    if (!all.length) return false;
    var at = all.indexOf(document.activeElement);
    if (at < 0) at = all.findIndex(function (row) { return row.classList.contains("chosen"); });
    var next = all[Math.max(0, Math.min(all.length - 1, at + by))];
    next.focus();
    remember(next.href);
    return true;
  }
  document.addEventListener("keydown", function (event) {
    var at = event.target, key = event.key, done = false;
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]")) return;
    if (isTyping(at)) {
      if (key !== "Escape") return;
      at.blur();
      var article = document.querySelector("#case article");
      if (article) article.focus({ preventScroll: true });
      return;
    }
    var arrows = !at.closest(".map, .choices");
    if (key === "j" || key === "ArrowDown" && arrows) done = step(1);
    else if (key === "k" || key === "ArrowUp" && arrows) done = step(-1);
    else if (event.repeat) return;
    else if (key === "/") {
      var search = document.getElementById("top-q");
      if (search) { search.focus(); search.select(); done = true; }
    } else if (key.length === 1) {
      done = press(key.toLowerCase());
      if (!done && theCase() && words("caseKeys").indexOf(key.toLowerCase()) >= 0) nothing(key.toLowerCase());
    }
    if (done) event.preventDefault();
  });

  if (root()) { showOpenRow(); wake(document); }
})();
