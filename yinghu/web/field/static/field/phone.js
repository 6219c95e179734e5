// Web app: registers the service worker, chooses the tasks to cache, offers installation.
"use strict";
(function () {
  var worker = navigator.serviceWorker, at = document.currentScript.dataset, hint = null;

  function post(what) {
    if (!worker) return;
    worker.ready.then(function (registration) { registration.active.postMessage(what); });
  }
  // Cache this page if the worker did not fetch it, and the user's tasks unless data saving is on.
  function keep() {
    var paths = worker.controller || document.documentElement.dataset.keptAt ? [] : [window.location.pathname];
    var saving = navigator.connection && navigator.connection.saveData;
    if (!saving) document.querySelectorAll("a[data-keep]").forEach(function (link) { paths.push(link.pathname); });
    if (paths.length && navigator.onLine) post({ say: "keep", paths: paths });
  }
  if (worker) {
    worker.register(at.worker, { scope: "/", updateViaCache: "none" }).then(keep, function () { /* not required */ });
    document.addEventListener("htmx:afterSwap", keep);
  }
  document.addEventListener("submit", function (event) {
    if (/logout/.test(event.target.action)) post({ say: "forget" });
  });
  window.yinghuPhone = {
    // Refresh the cached copy of a page.
    again: function (path) { post({ say: "keep", paths: [path], anew: true }); },
    sync: function () {
      if (!worker) return;
      worker.ready.then(function (registration) {
        return registration.sync && registration.sync.register("yinghu-records");
      }).catch(function () { /* open pages send too */ });
    }
  };

  // ---- offer installation if the browser supports it and the user has not declined
  function isDismissed() {
    try { return localStorage.getItem("yinghu-no-install"); } catch (forbidden) { return true; }
  }
  function dismiss() {
    hint.remove();
    try { localStorage.setItem("yinghu-no-install", "1"); } catch (forbidden) { /* no storage: asks again */ }
  }
  function button(words, look, act) {
    var made = document.createElement("button");
    made.type = "button";
    made.className = "btn " + look;
    made.textContent = words;
    made.addEventListener("click", act);
    return made;
  }
  window.addEventListener("beforeinstallprompt", function (event) {
    event.preventDefault();
    if (hint || isDismissed() || window.location.pathname !== at.home) return;
    var words = document.createElement("p");
    hint = document.createElement("section");
    hint.className = "card install-hint";
    words.textContent = at.install;
    hint.append(words, button(at.yes, "btn-primary", function () { hint.remove(); event.prompt(); }), button(at.no, "", dismiss));
    document.getElementById("main").append(hint);
  });
  window.addEventListener("appinstalled", function () { if (hint) hint.remove(); });
})();
