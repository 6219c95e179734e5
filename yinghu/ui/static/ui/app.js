// Behaviour of all pages. Every page works without this file.
"use strict";
(function () {
  // A key pressed to compose a character (Chinese, Japanese …) is the input method's: no handler gets
  // it. Safari ends a composition with an Enter that only its code 229 marks.
  window.addEventListener("keydown", function (event) {
    if (event.isComposing || event.keyCode === 229) event.stopImmediatePropagation();
  }, true);

  // Prevent a second submission of a form.
  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (!form.hasAttribute("data-once") || event.submitter && event.submitter.name === "pick") return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
    form.setAttribute("aria-busy", "true");
  });
  // After the back button, the form may be sent again.
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("form[data-once]").forEach(function (form) {
      delete form.dataset.sent;
      form.removeAttribute("aria-busy");
    });
  });

  // On a phone, the answer to a step stands at the bottom (`small.css`) until the next press.
  document.addEventListener("click", function () {
    document.querySelectorAll("#messages, main > .problem").forEach(function (told) {
      if (getComputedStyle(told).position === "fixed") told.hidden = true;
    });
  }, true);

  // Show missing fields as the server does, in the page's language; browsers inside other apps often
  // do not draw their own bubbles.
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

  // Do not swap out a form that somebody is typing in, nor one that shows why it was refused.
  function typing(part) {
    if (part.querySelector(".alert-danger, .wrong")) return true;
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
  // Keep <details> open or closed when their part is redrawn.
  var folds = {};
  document.addEventListener("htmx:beforeSwap", function (event) {
    folds = {};
    event.target.querySelectorAll("details[id]").forEach(function (fold) { folds[fold.id] = fold.open; });
  });
  document.addEventListener("htmx:afterSwap", function (event) {
    event.target.querySelectorAll("details[id]").forEach(function (fold) {
      if (fold.id in folds) fold.open = folds[fold.id];
    });
  });

  // Focus the next button on desktops; on phones that would only scroll the page.
  function focusNext() {
    var next = document.querySelector("[data-focus]");
    if (next && window.matchMedia("(min-width: 992px)").matches && document.activeElement === document.body) {
      next.focus({ preventScroll: true });
    }
  }
  document.addEventListener("htmx:afterSettle", focusNext);
  focusNext();
})();
