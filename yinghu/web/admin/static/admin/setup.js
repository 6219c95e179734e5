// Set-up pages: icon search, hiding unused fields of a question or leg, warning about unsaved input.
"use strict";
(function () {
  function questions(root) {
    root.querySelectorAll("[data-question-kind]").forEach(function (select) {
      var row = select.closest(".question");
      row.querySelectorAll(".question-choices").forEach(function (part) { part.hidden = select.value !== "choice"; });
      row.querySelector(".question-urgent").hidden = select.value !== "number";
      row.querySelector(".question-required").hidden = select.value === "bool";
    });
  }
  function legs(root) {
    root.querySelectorAll("[data-leg]").forEach(function (row) {
      var where = row.querySelector("[data-leg-where]").value, beside = row.querySelector(".leg-beside");
      row.querySelector(".leg-place").hidden = where !== "place";
      row.querySelector(".leg-field").hidden = where !== "answer";
      if (beside) beside.hidden = row.querySelector("[data-leg-kind]").value === "hand_over";
    });
  }
  function fit(root) { questions(root); legs(root); }
  document.addEventListener("change", function (event) {
    if (event.target.matches("[data-question-kind], [data-leg-kind], [data-leg-where]")) fit(document);
  });
  document.addEventListener("htmx:load", function (event) { fit(event.target); });
  fit(document);
  // Focus a question just added.
  document.addEventListener("htmx:afterSettle", function (event) {
    var pressed = event.detail.requestConfig && event.detail.requestConfig.elt;
    if (!pressed || pressed.value !== "add") return;
    var rows = document.querySelectorAll(".question");
    rows[rows.length - 1].querySelector("input").focus();
  });

  document.querySelectorAll("[data-icons]").forEach(function (box) {
    var find = box.querySelector(".icon-find"), none = box.querySelector("[data-no-icon]");
    find.hidden = false;
    var chosen = box.querySelector("input:checked"), grid = box.querySelector(".icon-grid");
    if (chosen) grid.scrollTop = chosen.parentNode.offsetTop - grid.offsetTop - 60;
    find.addEventListener("input", function () {
      var parts = find.value.trim().toLowerCase().split(/\s+/), shown = 0;
      box.querySelectorAll("[data-name]").forEach(function (choice) {
        var words = choice.dataset.name + " " + choice.dataset.words;
        choice.hidden = !parts.every(function (part) { return words.indexOf(part) >= 0; });
        if (!choice.hidden) shown += 1;
      });
      none.textContent = shown ? "" : none.dataset.noIcon;
    });
    find.addEventListener("keydown", function (event) { if (event.key === "Enter") event.preventDefault(); });
  });

  document.querySelectorAll("[data-print]").forEach(function (button) {
    button.hidden = false;
    button.addEventListener("click", function () { window.print(); });
  });

  var form = document.querySelector("form[data-unsaved]"), touched = false;
  if (!form) return;
  form.addEventListener("input", function (event) { if (!event.target.closest(".icon-find")) touched = true; });
  form.addEventListener("submit", function () { touched = false; });
  window.addEventListener("beforeunload", function (event) {
    if (touched) event.preventDefault();
  });
})();
