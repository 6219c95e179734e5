// What pages do beyond plain HTML. Every page works without this file.
"use strict";
(function () {
  // One button press, one request: a second press would only meet the answer of the first.
  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (!form.hasAttribute("data-once") || event.submitter && event.submitter.name === "pick") return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
    form.setAttribute("aria-busy", "true");
  });
  // Coming back with the back button, the form may be sent again.
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("form[data-once]").forEach(function (form) {
      delete form.dataset.sent;
      form.removeAttribute("aria-busy");
    });
  });

  // What a browser finds missing is said at its field, in the page's language, as the server says it;
  // the bubbles of browsers inside other apps are often not drawn at all.
  function take(box) {
    box.querySelectorAll(".wrong").forEach(function (note) { note.remove(); });
    box.querySelectorAll(".is-invalid").forEach(function (field) { field.classList.remove("is-invalid"); });
  }
  document.addEventListener("invalid", function (event) {
    var field = event.target, box = field.closest(".mb-3"), choices = field.closest(".choices");
    if (!box || !field.dataset.missing) return;
    event.preventDefault();
    take(box);
    (choices || field).classList.add("is-invalid");
    var note = document.createElement("div");
    note.className = "wrong";
    note.setAttribute("role", "alert");
    note.textContent = field.validity.valueMissing ? field.dataset.missing : field.validationMessage;
    (choices || field).after(note);
    if (field.form.querySelector("input:invalid, select:invalid, textarea:invalid") === field) field.focus();
  }, true);
  document.addEventListener("input", function (event) {
    var box = event.target.closest(".mb-3");
    if (box && event.target.dataset.missing && event.target.validity.valid) take(box);
  });

  document.querySelectorAll("[data-theme-switch]").forEach(function (button) {
    button.hidden = false;
    button.addEventListener("click", window.yinghuTheme);
  });

  document.addEventListener("focusin", function (event) {
    if (event.target.hasAttribute("data-select")) event.target.select();
  });

  document.addEventListener("change", function (event) {
    var input = event.target;
    if (input.type !== "file" || !input.dataset.max) return;
    var strip = document.querySelector('[data-preview="' + input.id + '"]');
    if (!strip) return;
    strip.replaceChildren();
    Array.from(input.files).slice(0, Number(input.dataset.max)).forEach(function (file) {
      var image = document.createElement("img");
      image.alt = file.name;
      image.src = URL.createObjectURL(file);
      image.onload = function () { URL.revokeObjectURL(image.src); };
      image.onerror = function () { image.remove(); };
      strip.append(image);
    });
    strip.hidden = !input.files.length;
  });

  // What somebody is typing must not be swapped away under their hands.
  function typing(part) {
    if (part.contains(document.activeElement) && /^(TEXTAREA|INPUT|SELECT)$/.test(document.activeElement.tagName)) return true;
    return Array.from(part.querySelectorAll("textarea, input, select")).some(function (field) {
      if (field.type === "hidden") return false;
      if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
      if (field.tagName === "SELECT") {
        return Array.from(field.options).some(function (o) { return o.selected !== o.defaultSelected; })
          && field.selectedIndex !== 0;
      }
      return field.value !== field.defaultValue;
    });
  }
  function stale(part, is) {
    var note = part.previousElementSibling;
    if (note && note.classList.contains("stale-note")) note.hidden = !is;
  }
  document.addEventListener("htmx:beforeSwap", function (event) {
    if (event.target.hasAttribute("data-keep-typed") && typing(event.target)) {
      event.detail.shouldSwap = false;
      stale(event.target, true);
    } else {
      stale(event.target, false);
    }
  });

  // While old and new stand beside each other in a swap, the browser follows the old downwards: what
  // is looked at is put back where it was.
  var held = null;
  function scroller(part) {
    for (var at = part; at; at = at.parentElement) {
      if (at.scrollHeight > at.clientHeight && /auto|scroll/.test(getComputedStyle(at).overflowY)) return at;
    }
    return document.scrollingElement;
  }
  function hold(part) {
    var box = scroller(part), top = box === document.scrollingElement ? 0 : box.getBoundingClientRect().top;
    var focused = part.contains(document.activeElement) && document.activeElement;
    var seen = focused && focused.id ? focused : box.scrollTop && Array.from(part.querySelectorAll("[id]")).find(function (each) {
      return each.getBoundingClientRect().top >= top;
    });
    held = { box: box, scroll: box.scrollTop, id: seen && seen.id, top: seen && seen.getBoundingClientRect().top };
  }
  function putBack() {
    var seen = held && held.id && document.getElementById(held.id);
    if (!held) return;
    held.box.scrollTop = seen ? held.box.scrollTop + seen.getBoundingClientRect().top - held.top : held.scroll;
    held = null;
  }
  document.addEventListener("htmx:beforeSwap", function (event) {
    if (event.detail.shouldSwap && event.target.hasAttribute("data-follow")) hold(event.target);
  });
  document.addEventListener("htmx:afterSwap", putBack);

  // At a desk the button to press next has the focus; on a phone that would only scroll the page.
  function focusNext() {
    var next = document.querySelector("[data-focus]");
    if (next && window.matchMedia("(min-width: 992px)").matches && document.activeElement === document.body) {
      next.focus({ preventScroll: true });
    }
  }
  document.addEventListener("htmx:afterSettle", focusNext);
  focusNext();

  // Live: the server says "look again", the parts of the page that follow it do.
  if (!window.EventSource) return;
  var page = null, source = null, wait = 1000, later = 0;
  // A moment without a connection is nobody's concern; longer, and it is said.
  var silent = 0;
  function lost(is) {
    var note = document.querySelector("[data-live-lost]");
    if (!note || is && silent) return;
    clearTimeout(silent);
    silent = is ? setTimeout(function () { note.hidden = false; }, 4000) : 0;
    if (!is) note.hidden = true;
  }
  function look(name) {
    document.querySelectorAll('[data-follow="' + name + '"]').forEach(function (part) {
      window.htmx.trigger(part, "look");
    });
  }
  // A browser has six connections for one site, however many windows look at it: streams take four at
  // most, one for each seat, and whoever finds none looks by itself until one is free.
  var SEATS = 4, POLL = 5000, leave = null, coming = false;
  function seat(n, found) {
    if (!navigator.locks) { found(function () { /* nobody counts */ }); return; }
    if (n === SEATS) { found(null); return; }
    navigator.locks.request("yinghu-live-" + n, { ifAvailable: true }, function (lock) {
      if (!lock) { seat(n + 1, found); return null; }
      return new Promise(function (release) { found(release); });
    });
  }
  function open() {
    clearTimeout(later);
    page = document.querySelector("[data-live]");
    if (!page || source || coming || document.hidden) return;
    coming = true;
    seat(0, function (release) {
      coming = false;
      if (release && (source || document.hidden)) { release(); return; }
      leave = release;
      if (release) { follow(); return; }
      ["desk", "case", "viewers"].forEach(look);
      later = setTimeout(open, POLL);
    });
  }
  // The server says something every 15 seconds; a network that died in silence raises no error.
  var silence = 0;
  function heard() {
    clearTimeout(silence);
    silence = setTimeout(function () { close(); lost(true); open(); }, 40000);
  }
  function follow() {
    source = new EventSource(page.dataset.live);
    ["desk", "case", "viewers"].forEach(function (name) {
      source.addEventListener(name, function () { heard(); look(name); });
    });
    source.addEventListener("here", heard);
    source.onopen = function () { wait = 1000; heard(); page.classList.add("is-live"); lost(false); };
    source.onerror = function () {
      page.classList.remove("is-live");
      lost(true);
      if (source && source.readyState === EventSource.CLOSED) {
        close();
        later = setTimeout(open, wait);
        wait = Math.min(wait * 2, 60000);
      }
    };
  }
  // A page that nobody looks at gives its connection back.
  function close() {
    clearTimeout(later);
    clearTimeout(silence);
    if (source) source.close();
    if (leave) leave();
    source = leave = null;
    if (page) page.classList.remove("is-live");
  }
  // A desk drew another case: its stream is another one.
  document.addEventListener("yinghu:live", function () { close(); open(); });
  document.addEventListener("visibilitychange", function () { if (document.hidden) close(); else open(); });
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", open);
})();
