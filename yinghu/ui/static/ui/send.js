// Sends the forms of a case without leaving its page. Text and photos stay until they have arrived;
// drafts survive a discarded page until they are sent or the login ends, and only their author sees
// them. Every form works without this file.
"use strict";
window.yinghuSend = (function () {
  var page = null; // callbacks of the page: see `start`
  var said = document.createElement("div");
  said.id = "said";
  said.className = "visually-hidden";
  said.setAttribute("role", "status");

  function words(name) { return document.getElementById("send-words").dataset[name]; }
  function say(text) { said.textContent = text; }
  function parsed(text) { return new DOMParser().parseFromString(text, "text/html"); }
  function ask(address, more) {
    return fetch(address, Object.assign({ credentials: "same-origin" }, more));
  }

  // ---- drafts
  function draftKey(field) {
    return "draft:" + words("me") + ":" + new URL(field.form.action).pathname + ":" + field.name;
  }
  function isDraft(field) {
    return /^(words|why)$/.test(field.name) && field.form && field.form.hasAttribute("data-once") && !!field.closest("#case");
  }
  function restore(part) {
    part.querySelectorAll("textarea[name=words], textarea[name=why]").forEach(function (field) {
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

  // ---- chosen photos survive redrawing of their field
  function filesOf(form) {
    return Array.from(form.querySelectorAll("input[type=file]")).map(function (input) { return [input.id, input.files]; });
  }
  function choose(files) {
    files.forEach(function (pair) {
      var input = document.getElementById(pair[0]);
      if (!input || !pair[1].length) return;
      input.files = pair[1];
      input.dispatchEvent(new Event("change", { bubbles: true }));
    });
  }

  // ---- reporting failures
  function note(form, text, login) {
    var old = document.querySelector(".send-note");
    if (form) {
      delete form.dataset.sent;
      form.removeAttribute("aria-busy");
    }
    // Leave an existing message in place: somebody may be pressing its link.
    if (old && old.textContent.indexOf(text) === 0 && (!form || form.contains(old))) { say(text); return; }
    say("");
    if (old) old.remove();
    var box = document.createElement("div"), line = document.createElement("div");
    box.className = "alert alert-warning note send-note";
    box.setAttribute("role", "alert");
    line.textContent = text;
    if (login) {
      var link = document.createElement("a");
      link.href = words("loginAt");
      link.target = "_blank";
      link.className = "alert-link";
      link.textContent = words("login");
      line.append(" ", link);
    }
    box.append(line);
    (form || document.getElementById("main")).prepend(box);
    box.scrollIntoView({ block: "center" });
  }
  function expired() {
    if (!document.querySelector("form > .send-note .alert-link")) note(null, words("expired"), true);
  }

  // ---- sending
  // A new login in another tab has changed the CSRF token; another user's login must not send this.
  function renew() {
    return ask(window.location.pathname).then(function (answer) { return answer.text(); }).then(function (text) {
      var fresh = parsed(text), token = fresh.querySelector("[name=csrfmiddlewaretoken]");
      var whose = fresh.querySelector("header[data-me]");
      if (!whose || !token) return "expired";
      if (whose.dataset.me !== words("me")) return "other";
      document.querySelectorAll("[name=csrfmiddlewaretoken]").forEach(function (field) { field.value = token.value; });
      return "";
    });
  }
  function send(form, again) {
    say(words("sending"));
    ask(form.action, { method: "POST", body: new FormData(form), headers: { "X-Requested-With": "fetch" } })
      .then(function (answer) {
        return answer.text().then(function (text) { return answered(form, answer, parsed(text), again); });
      })
      .catch(function () { note(form, words("offline")); });
  }
  function answered(form, answer, fresh, again) {
    if (answer.ok) {
      forget(form);
      page.done(fresh, answer.url, form);
      return null;
    }
    if (fresh.getElementById("case") && page.wrong(fresh, form)) return null;
    // An expired CSRF token: retry once with a fresh one.
    if ((answer.status === 403 || answer.status === 401) && !again) {
      return renew().then(function (problem) {
        if (problem) note(form, words(problem), problem === "expired");
        else send(form, true);
      });
    }
    var problem = fresh.querySelector(".alert-danger");
    var known = answer.status === 404 || answer.status === 403 ? "gone" : "failed";
    note(form, problem ? problem.textContent.trim() : words(known));
    return null;
  }

  // `isOurs(form)`: selects the forms to send; `done(page, address, form)`: draws the page after success;
  // `wrong(page, form)`: redraws the case with errors, false if it is another user's.
  function start(what) {
    page = what;
    document.body.append(said);
    document.addEventListener("input", function (event) {
      if (!isDraft(event.target)) return;
      try {
        if (event.target.value) sessionStorage.setItem(draftKey(event.target), event.target.value);
        else sessionStorage.removeItem(draftKey(event.target));
      } catch (full) { /* storage full: no draft */ }
    });
    document.addEventListener("submit", function (event) {
      if (/logout/.test(event.target.action)) sessionStorage.clear();
      if (event.defaultPrevented || !page.isOurs(event.target)) return;
      event.preventDefault();
      send(event.target, false);
    });
    // Ctrl+Enter submits.
    document.addEventListener("keydown", function (event) {
      var form = event.target.form;
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      if (!form || !/^(TEXTAREA|INPUT|SELECT)$/.test(event.target.tagName) || !page.isOurs(form)) return;
      event.preventDefault();
      form.requestSubmit();
    });
  }
  return { start: start, words: words, say: say, ask: ask, parsed: parsed, restore: restore, forget: forget, filesOf: filesOf, choose: choose, note: note, expired: expired };
})();
