// Field pages: sorting free tasks by distance on request; keeping input and photos until sent.
"use strict";
(function () {
  function offer() {
    // Space is reserved, so that nothing moves when it appears.
    document.querySelectorAll("[data-near]").forEach(function (button) { button.classList.toggle("invisible", !navigator.geolocation); });
  }
  document.addEventListener("click", function (event) {
    var button = event.target.closest("[data-near]");
    if (!button) return;
    button.setAttribute("aria-busy", "true");
    navigator.geolocation.getCurrentPosition(function (position) {
      // Precise to about a hundred metres, which is enough for sorting.
      window.location.assign(button.dataset.near + "?lon=" + position.coords.longitude.toFixed(3)
        + "&lat=" + position.coords.latitude.toFixed(3));
    }, function () {
      var note = document.getElementById("near-said");
      button.removeAttribute("aria-busy");
      note.hidden = false;
      note.textContent = button.dataset.denied;
    }, { timeout: 20000, maximumAge: 60000 });
  });
  document.addEventListener("htmx:load", offer);
  offer();

  // ---- page of one task
  if (!document.getElementById("send-words")) return;
  var sender = window.yinghuSend;
  function isOurs(form) { return form.hasAttribute("data-once") && !!form.closest("#case"); }

  // The bottom bar opens the step that it names.
  function unfold(fold) {
    fold.open = true;
    var first = fold.querySelector("textarea");
    if (first) first.focus({ preventScroll: true });
    fold.scrollIntoView({ block: "start" });
  }
  document.addEventListener("click", function (event) {
    var step = event.target.closest(".thumb-bar a[href^='#']"), fold = step && document.querySelector(step.hash);
    if (!fold) return;
    event.preventDefault();
    unfold(fold);
  });

  // ---- sending
  // Replace the whole page; keep chosen photos if their form still exists.
  function adopt(page, address, chosen, form) {
    var main = document.getElementById("main"), action = form && form.getAttribute("action");
    history.replaceState(null, "", address);
    main.replaceChildren.apply(main, Array.from(page.getElementById("main").childNodes));
    document.title = page.title;
    sender.choose(chosen);
    window.htmx.process(main);
    main.dispatchEvent(new CustomEvent("htmx:load", { bubbles: true, detail: { elt: main } }));
    document.dispatchEvent(new CustomEvent("yinghu:live"));
    sender.restore(main);
    var wrong = main.querySelector("[aria-invalid]"), told = main.querySelector(".alert, .wrong");
    (wrong || main).focus({ preventScroll: true });
    // Where the step can be done again, stay there: the answer stands at the bottom (`small.css`).
    var again = Array.from(main.querySelectorAll("form")).find(function (each) { return each.getAttribute("action") === action; });
    if (again) again.scrollIntoView({ block: "center" }); else window.scrollTo(0, 0);
    if (wrong) wrong.scrollIntoView({ block: "center" });
    sender.say(told ? told.textContent.trim() : "");
  }
  sender.start({
    isOurs: isOurs,
    done: function (page, address, form) {
      if (page.body.classList.contains("field")) adopt(page, address, [], form);
      else window.location.assign(address);
    },
    wrong: function (page, form) {
      adopt(page, window.location.href, sender.filesOf(form), form);
      return true;
    }
  });
  sender.restore(document);
})();
