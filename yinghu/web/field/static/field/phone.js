// An app on the phone: the service worker, which tasks it keeps, and how it comes onto the home screen.
"use strict";
(function () {
  var worker = navigator.serviceWorker, at = document.currentScript.dataset, hint = null;

  function post(what) {
    if (!worker) return;
    worker.ready.then(function (registration) { registration.active.postMessage(what); });
  }
  // This page if the worker had no part in fetching it, and once what one has in hand; where somebody
  // has to spare data only what they opened.
  function keep() {
    var paths = worker.controller || document.documentElement.dataset.keptAt ? [] : [window.location.pathname];
    var saving = navigator.connection && navigator.connection.saveData;
    if (!saving) document.querySelectorAll("a[data-keep]").forEach(function (link) { paths.push(link.pathname); });
    if (paths.length && navigator.onLine) post({ say: "keep", paths: paths });
  }
  if (worker) {
    worker.register(at.worker, { scope: "/", updateViaCache: "none" }).then(keep, function () { /* then without */ });
    document.addEventListener("htmx:afterSwap", keep);
  }
  document.addEventListener("submit", function (event) {
    if (/logout/.test(event.target.action)) post({ say: "forget" });
  });
  window.yinghuPhone = {
    // What is kept of a page is from before.
    again: function (path) { post({ say: "keep", paths: [path], anew: true }); },
    sync: function () {
      if (!worker) return;
      worker.ready.then(function (registration) {
        return registration.sync && registration.sync.register("yinghu-records");
      }).catch(function () { /* a page that is open sends as well */ });
    }
  };

  // ---- onto the home screen, where the browser offers it and nobody has said no
  function isDismissed() {
    try { return localStorage.getItem("yinghu-no-install"); } catch (forbidden) { return true; }
  }
  function dismiss() {
    hint.remove();
    try { localStorage.setItem("yinghu-no-install", "1"); } catch (forbidden) { /* it will ask again */ }
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
