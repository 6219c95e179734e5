// The case list: selection by mouse or keyboard, and filtering without a reload.
"use strict";
(function () {
  var last = null;
  function boxes() { return Array.from(document.querySelectorAll('#batch input[name="pick"]')); }
  function tell() {
    var form = document.getElementById("batch");
    if (!form) return;
    form.classList.add("js");
    var all = boxes(), chosen = all.filter(function (box) { return box.checked; });
    all.forEach(function (box) { box.closest(".pick-row").classList.toggle("is-picked", box.checked); });
    var note = form.querySelector(".picked"), every = form.querySelector("[data-pick-all]");
    if (note) {
      note.hidden = !chosen.length;
      note.querySelector("[data-picked]").textContent = chosen.length;
    }
    if (every) {
      every.closest(".pick-all").hidden = false;
      every.checked = chosen.length > 0 && chosen.length === all.length;
      every.indeterminate = chosen.length > 0 && chosen.length < all.length;
    }
    form.classList.toggle("has-picked", chosen.length > 0);
    var most = Number(form.dataset.most);
    all.forEach(function (box) { box.disabled = !box.checked && chosen.length >= most; });
  }
  document.addEventListener("click", function (event) {
    var box = event.target;
    if (box.name !== "pick") return;
    var all = boxes();
    if (event.shiftKey && last && all.indexOf(last) >= 0) {
      var ends = [all.indexOf(last), all.indexOf(box)].sort(function (a, b) { return a - b; });
      all.slice(ends[0], ends[1] + 1).forEach(function (each) { each.checked = box.checked; });
    }
    last = box;
    tell();
  });
  document.addEventListener("change", function (event) {
    if (event.target.hasAttribute("data-pick-all")) boxes().forEach(function (box) { box.checked = event.target.checked; });
    tell();
  });
  // Keys: j and k move, x selects, Enter opens, / searches.
  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) && event.target.type !== "checkbox") return;
    var rows = Array.from(document.querySelectorAll("#batch .row-item"));
    var at = rows.findIndex(function (row) { return row.closest(".pick-row").contains(document.activeElement); });
    if (event.key === "/") document.getElementById("top-q").focus();
    else if (event.key === "j" || event.key === "k") {
      var next = rows[Math.max(0, Math.min(rows.length - 1, at + (event.key === "j" ? 1 : -1)))];
      if (next) next.focus();
    } else if (event.key === "x" && at >= 0) rows[at].closest(".pick-row").querySelector("input").click();
    else return;
    event.preventDefault();
  });
  // Keep the address in step with the list, for sharing and the back button.
  document.addEventListener("htmx:configRequest", function (event) {
    if (!event.target.hasAttribute || !event.target.hasAttribute("data-filter")) return;
    var address = new URLSearchParams();
    Array.from(new FormData(event.target).entries()).forEach(function (pair) { if (pair[1]) address.append(pair[0], pair[1]); });
    window.history.pushState({}, "", event.target.action + (String(address) ? "?" + address : ""));
    event.target.querySelectorAll(".wrong").forEach(function (note) { note.remove(); });
  });
  // Take the normalised query from the answer for the address and the current filter chip.
  document.addEventListener("htmx:afterSwap", function (event) {
    if (event.target.id !== "found") return;
    var form = document.getElementById("batch"), address = form && form.elements.query.value;
    if (address === null) return;
    var here = document.getElementById("filter").action + (address ? "?" + address : "");
    window.history.replaceState({}, "", here);
    document.querySelectorAll(".views .chip").forEach(function (chip) {
      var is = chip.href === here;
      chip.classList.toggle("here", is);
      if (is) chip.setAttribute("aria-current", "true"); else chip.removeAttribute("aria-current");
    });
  });
  window.addEventListener("popstate", function () { window.location.reload(); });
  document.addEventListener("htmx:load", tell);
  window.addEventListener("pageshow", tell);
})();
