// Out there: the free tasks by how far they are, once somebody asks for that; and with a network that
// comes and goes, what was written and photographed stays until it has arrived.
"use strict";
(function () {
  function offer() {
    // Its room is kept from the start, so that nothing moves when it shows.
    document.querySelectorAll("[data-near]").forEach(function (button) { button.classList.toggle("invisible", !navigator.geolocation); });
  }
  document.addEventListener("click", function (event) {
    var button = event.target.closest("[data-near]");
    if (!button) return;
    button.setAttribute("aria-busy", "true");
    navigator.geolocation.getCurrentPosition(function (position) {
      // A hundred metres are near enough to put tasks in their order.
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

  // ---- one task: all below is for its page only
  if (!document.getElementById("field-words")) return;
  var said = document.createElement("div");
  said.className = "visually-hidden";
  said.setAttribute("role", "status");
  document.body.append(said);
  function words(name) { return document.getElementById("field-words").dataset[name]; }
  function isOurs(form) { return form.hasAttribute("data-once") && !!form.closest("#case"); }
  function parsed(text) { return new DOMParser().parseFromString(text, "text/html"); }

  // The bar at the thumb opens the step that it names.
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

  // ---- words outlive a page that the phone threw away, until they are sent or somebody logs out; they
  // show to whoever wrote them only
  function draftKey(field) { return "draft:" + words("me") + ":" + new URL(field.form.action).pathname + ":" + field.name; }
  function isDraft(field) { return /^(words|why)$/.test(field.name) && field.form && isOurs(field.form); }
  document.addEventListener("input", function (event) {
    if (!isDraft(event.target)) return;
    try {
      if (event.target.value) sessionStorage.setItem(draftKey(event.target), event.target.value);
      else sessionStorage.removeItem(draftKey(event.target));
    } catch (full) { /* a draft is a comfort, not a promise */ }
  });
  function restore() {
    document.querySelectorAll("#case textarea").forEach(function (field) {
      var kept = isDraft(field) && sessionStorage.getItem(draftKey(field));
      if (!kept || field.value) return;
      field.value = kept;
      field.closest("details").open = true;
    });
  }
  function forget(form) {
    ["words", "why"].forEach(function (name) {
      if (form.elements[name]) sessionStorage.removeItem(draftKey(form.elements[name]));
    });
  }

  // ---- sending; nothing that was typed or photographed is touched before it has arrived
  function note(form, text, login) {
    var box = document.createElement("div"), line = document.createElement("div"), link;
    document.querySelectorAll(".send-note").forEach(function (old) { old.remove(); });
    delete form.dataset.sent;
    form.removeAttribute("aria-busy");
    said.textContent = "";
    box.className = "alert alert-warning note send-note";
    box.setAttribute("role", "alert");
    line.textContent = text;
    if (login) {
      link = document.createElement("a");
      link.href = words("loginAt");
      link.target = "_blank";
      link.className = "alert-link";
      link.textContent = words("login");
      line.append(" ", link);
    }
    box.append(line);
    form.prepend(box);
    box.scrollIntoView({ block: "center" });
  }
  // The whole page as it was answered; photos once chosen stay chosen where their form is still there.
  function adopt(page, address, chosen) {
    var main = document.getElementById("main");
    history.replaceState(null, "", address);
    main.replaceChildren.apply(main, Array.from(page.getElementById("main").childNodes));
    document.title = page.title;
    (chosen || []).forEach(function (pair) {
      var input = document.getElementById(pair[0]);
      if (!input || !pair[1].length) return;
      input.files = pair[1];
      input.dispatchEvent(new Event("change", { bubbles: true }));
    });
    window.htmx.process(main);
    main.dispatchEvent(new CustomEvent("htmx:load", { bubbles: true, detail: { elt: main } }));
    document.dispatchEvent(new CustomEvent("yinghu:live"));
    restore();
    var wrong = main.querySelector("[aria-invalid]"), told = main.querySelector(".alert, .wrong");
    (wrong || main).focus({ preventScroll: true });
    window.scrollTo(0, 0);
    if (wrong) wrong.scrollIntoView({ block: "center" });
    said.textContent = told ? told.textContent.trim() : "";
  }
  // A login in another window has changed the secret that forms carry.
  function renew() {
    return fetch(window.location.pathname, { credentials: "same-origin" }).then(function (answer) {
      return answer.text();
    }).then(function (text) {
      var page = parsed(text), token = page.querySelector("[name=csrfmiddlewaretoken]");
      if (!page.getElementById("case") || !token) return false;
      document.querySelectorAll("[name=csrfmiddlewaretoken]").forEach(function (field) { field.value = token.value; });
      return true;
    });
  }
  function send(form, again) {
    said.textContent = words("sending");
    var chosen = Array.from(form.querySelectorAll("input[type=file]")).map(function (input) { return [input.id, input.files]; });
    fetch(form.action, { method: "POST", credentials: "same-origin", body: new FormData(form) })
      .then(function (answer) {
        return answer.text().then(function (text) { return answered(form, chosen, answer, parsed(text), again); });
      })
      .catch(function () { note(form, words("offline")); });
  }
  function answered(form, chosen, answer, page, again) {
    if (answer.ok) {
      forget(form);
      if (page.body.classList.contains("field")) adopt(page, answer.url);
      else window.location.assign(answer.url);
      return null;
    }
    if (page.getElementById("case")) { adopt(page, window.location.href, chosen); return null; }
    if ((answer.status === 401 || answer.status === 403) && !again) {
      return renew().then(function (renewed) {
        if (renewed) send(form, true);
        else note(form, words("expired"), true);
      });
    }
    note(form, words(answer.status === 404 || answer.status === 403 ? "gone" : "failed"));
    return null;
  }
  document.addEventListener("submit", function (event) {
    if (/logout/.test(event.target.action)) sessionStorage.clear();
    if (event.defaultPrevented || !isOurs(event.target)) return;
    event.preventDefault();
    send(event.target, false);
  });
  restore();
})();
