// Live updates: parts of the page that follow an event reload when the server sends it.
//   <div data-live="/live?desk=triage">        what the page follows
//   <div data-follow="desk" hx-get hx-trigger="look">   a part, by the name of the event
"use strict";
(function () {
  var GAP = 1000;     // ms between two reloads of one part
  var DRAWN = 35000;  // ms for which a desk may draw from its cache (`desk.js`)
  var BACK = 1500;    // ms over which failed reloads are spread after reconnecting
  var at = document.currentScript.dataset.live, port = null, shared = false, told = "", timers = new Map();
  var lines = { live: false, lost: false, offline: !navigator.onLine, failing: false };
  if (!window.EventSource || !window.URLSearchParams) return;

  // ---- the parts
  function parts(name) {
    return Array.from(document.querySelectorAll('[data-follow~="' + name + '"]'));
  }
  function look(part) {
    timers.delete(part);
    if (!part.isConnected) return;
    if (!navigator.onLine) { part.yinghuOwed = true; return; }
    // Wait for rows that are being loaded, and for a finger to leave.
    if (part.querySelector(".row-more.htmx-request") || held(part)) { soon(part, 100); return; }
    part.yinghuLooked = Date.now();
    window.htmx.trigger(part, "look");
  }
  function soon(part, delay) {
    if (timers.has(part)) return;
    timers.set(part, setTimeout(function () { look(part); }, delay));
  }
  // At once, unless just reloaded; spread when many viewers are told at the same time.
  function tell(name, spread) {
    parts(name).forEach(function (part) {
      var next = (part.yinghuLooked || 0) + Math.max(GAP, spread) - Date.now();
      soon(part, Math.max(0, next, Math.random() * spread));
    });
  }
  // After reconnecting, retry failed reloads.
  function again() {
    document.querySelectorAll("[data-follow]").forEach(function (part) {
      if (!part.yinghuFailed) return;
      clearTimeout(timers.get(part));
      timers.delete(part);
      soon(part, Math.random() * BACK);
    });
  }
  // Remember failed reloads, or the page would stay outdated.
  document.addEventListener("htmx:afterRequest", function (event) {
    var part = event.target, status = event.detail.xhr ? event.detail.xhr.status : 0;
    if (!part.hasAttribute || !part.hasAttribute("data-follow")) return;
    var failed = !status || status >= 500 || status === 429 || status === 408;
    part.yinghuFailed = failed ? (part.yinghuFailed || 0) + 1 : 0;
    if (failed) soon(part, Math.min(30000, 500 * Math.pow(2, part.yinghuFailed)) * (0.5 + Math.random()));
    lines.failing = Array.from(document.querySelectorAll("[data-follow]")).some(function (each) { return each.yinghuFailed > 1; });
    sign();
  });

  // ---- the connection's state as shown
  function sign() {
    var note = document.querySelector("[data-live-lost]"), is = lines.lost || lines.offline || lines.failing;
    if (note && note.hidden === is) {
      note.hidden = !is;
      note.querySelector("span").textContent = is ? note.dataset.liveLost : "";
    }
    document.documentElement.classList.toggle("is-live", lines.live && !is);
  }
  window.addEventListener("offline", function () { lines.offline = true; sign(); });
  window.addEventListener("online", function () {
    lines.offline = false;
    sign();
    if (port) port.postMessage({ say: "online" });
    document.querySelectorAll("[data-follow]").forEach(function (part) {
      if (part.yinghuOwed) { part.yinghuOwed = false; soon(part, 0); }
    });
  });

  // ---- the connection: shared by all tabs where possible (`live.js`), else of this page
  function wants() {
    var found = { me: "", wants: [] };
    document.querySelectorAll("[data-live]").forEach(function (part) {
      var query = new URL(part.dataset.live, window.location.href).searchParams;
      found.me = query.get("me") || found.me;
      ["desk", "badges", "alarms", "notices", "case", "leg", "t"].forEach(function (kind) {
        query.getAll(kind).forEach(function (name) {
          found.wants.push({ kind: kind, name: name, version: query.get("version") || "" });
        });
      });
    });
    return found;
  }
  function heard(event) {
    if (event.data.say === "look") tell(event.data.name, event.data.spread || 0);
    else {
      if (event.data.live && !lines.live) again();
      lines.live = event.data.live;
      lines.lost = event.data.lost;
      sign();
    }
  }
  function connect(done) {
    try {
      var worker = new SharedWorker(at, { name: "yinghu" });
      worker.port.onmessage = heard;
      worker.onerror = function () { if (shared) { shared = false; port = null; alone(done); } };
      shared = true;
      port = worker.port;
      done();
    } catch (none) {
      alone(done);
    }
  }
  function alone(done) {
    var script = document.createElement("script"), channel = new MessageChannel();
    channel.port2.onmessage = heard;
    script.src = at;
    script.onload = function () {
      window.yinghuConnect(channel.port1);
      port = channel.port2;
      done();
    };
    document.head.append(script);
  }
  function follow(since) {
    var found = wants();
    told = JSON.stringify(found);
    if (!port || !found.wants.length) return;
    port.postMessage({ say: "follow", me: found.me, wants: found.wants, mark: document.body.dataset.liveMark || "", hidden: document.hidden, since: since });
  }
  function bye() { if (port) port.postMessage({ say: "bye" }); }

  var navigation = performance.getEntriesByType("navigation")[0];
  var asked = performance.timeOrigin + (navigation ? navigation.requestStart : 0);
  if (wants().wants.length) connect(function () { if (shared || !document.hidden) follow(asked); });
  // The desk has drawn another case.
  document.addEventListener("yinghu:live", function () {
    if (JSON.stringify(wants()) !== told) follow(Date.now() - DRAWN);
  });
  document.addEventListener("visibilitychange", function () {
    if (!port) return;
    if (shared) port.postMessage({ say: document.hidden ? "hidden" : "shown" });
    else if (document.hidden) bye();
    else follow(0);
  });
  window.addEventListener("pagehide", bye);
  window.addEventListener("pageshow", function (event) { if (event.persisted) follow(0); });
  setInterval(function () { if (port) port.postMessage({ say: "here" }); }, 30000);

  // ---- keep what is being pressed, and the scroll position when something above is swapped
  // A button that is replaced between press and release gets no click.
  var kept = null, pressed = null;
  function held(part) { return pressed && part.contains(pressed); }
  function release() { setTimeout(function () { pressed = null; }, 0); }
  document.addEventListener("pointerdown", function (event) { pressed = event.target; }, true);
  document.addEventListener("pointerup", release, true);
  document.addEventListener("pointercancel", release, true);
  function scroller(part) {
    for (var box = part; box && box !== document.body; box = box.parentElement) {
      if (box.scrollTop > 0 && /auto|scroll/.test(getComputedStyle(box).overflowY)) return box;
    }
    return document.scrollingElement;
  }
  function anchor(part) {
    var box = scroller(part), top = box === document.scrollingElement ? 0 : box.getBoundingClientRect().top;
    if (!box.scrollTop) return null;
    var first = Array.from(part.querySelectorAll("[id]")).find(function (each) {
      return each.getBoundingClientRect().top >= top;
    });
    return first && { box: box, id: first.id, at: first.getBoundingClientRect().top };
  }
  document.addEventListener("htmx:configRequest", function (event) {
    var part = event.target;
    if (part.id === "rows") {
      part.yinghuShown = part.querySelectorAll(".row-item").length;
      event.detail.parameters.shown = part.yinghuShown;
    }
  });
  document.addEventListener("htmx:beforeSwap", function (event) {
    var part = event.target;
    kept = null;
    if (!part.hasAttribute("data-follow") || !event.detail.shouldSwap) return;
    // More rows were loaded meanwhile: reload again for all of them.
    if (part.id === "rows" && (part.querySelectorAll(".row-item").length > part.yinghuShown || part.querySelector(".row-more.htmx-request"))) {
      event.detail.shouldSwap = false;
      soon(part, 0);
      return;
    }
    if (held(part)) {
      event.detail.shouldSwap = false;
      soon(part, 100);
      return;
    }
    var focus = document.activeElement;
    kept = { part: part, anchor: anchor(part), focus: part.contains(focus) ? focus.id : "" };
  });
  document.addEventListener("htmx:afterSwap", function (event) {
    if (!kept || event.target !== kept.part) return;
    var there = kept.anchor && document.getElementById(kept.anchor.id);
    if (there) kept.anchor.box.scrollTop += there.getBoundingClientRect().top - kept.anchor.at;
    var focus = kept.focus && document.activeElement === document.body && document.getElementById(kept.focus);
    if (focus) focus.focus({ preventScroll: true });
    kept = null;
  });
})();
