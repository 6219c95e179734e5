// Steps online and offline: each is recorded on the phone (`queue.js`) before it is sent; shows which are
// waiting, refused or sent. Without IndexedDB the forms are submitted normally.
"use strict";
(function () {
  var queue = window.yinghuQueue, at = document.currentScript.dataset, root = document.documentElement;
  var head = document.querySelector("header[data-me], [data-departed]"), me = head ? Number(head.dataset.me) : 0;
  var ready = false, state = "", sending = null, timer = 0, wait = 0, drawn = 0;
  var SIDE = 1600, FIRST = 5000, LONGEST = 300000; // pixels; ms between retries
  // Steps of a leg that are hidden while the key's step is waiting.
  var LAST = { finish: ["finish", "give_back", "touch"], give_back: ["finish", "give_back", "touch"], hand_over: ["hand_over"] };
  var strip = made("div", "phone-strip"), line = made("div", "phone-line"), cards = made("section", "recorded");
  strip.setAttribute("role", "status");
  strip.hidden = cards.hidden = true;
  cards.setAttribute("aria-label", at.recorded);
  strip.append(line);
  document.getElementById("main").before(strip, cards);

  function made(kind, look, text) {
    var part = document.createElement(kind);
    part.className = look || "";
    if (text) part.textContent = text;
    return part;
  }
  function icon(name) {
    var svg = document.createElementNS("http://www.w3.org/2000/svg", "svg"), use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    svg.setAttribute("class", "icon");
    svg.setAttribute("aria-hidden", "true");
    use.setAttribute("href", at.icons + "#" + name);
    svg.append(use);
    return svg;
  }
  function button(look, text, act) {
    var found = made("button", "btn " + look, text);
    found.type = "button";
    found.addEventListener("click", act);
    return found;
  }
  function fill(name, given) {
    return Object.keys(given).reduce(function (text, key) { return text.replace("{" + key + "}", given[key]); }, at[name]);
  }
  function clock(ms) {
    var when = new Date(ms), today = when.toDateString() === new Date().toDateString();
    var how = { hour: "2-digit", minute: "2-digit", hour12: false };
    return when.toLocaleString(root.lang, today ? how : Object.assign({ month: "numeric", day: "numeric" }, how));
  }
  function isOffline() { return !navigator.onLine || state === "offline" || !!root.dataset.keptAt; }
  function note(form, text) {
    var old = form.querySelector(".send-note"), box = made("div", "alert alert-warning note send-note", text);
    if (old) old.remove();
    box.setAttribute("role", "alert");
    form.prepend(box);
    box.scrollIntoView({ block: "center" });
    delete form.dataset.sent;
    form.removeAttribute("aria-busy");
  }

  // ---- recording
  // Resize a photo and strip its metadata; keep the file if it cannot be decoded.
  function shrunk(file) {
    var picture = new Image(), address = URL.createObjectURL(file);
    picture.src = address;
    return picture.decode().then(function () {
      var scale = Math.min(1, SIDE / Math.max(picture.naturalWidth, picture.naturalHeight));
      var canvas = document.createElement("canvas");
      canvas.width = Math.round(picture.naturalWidth * scale);
      canvas.height = Math.round(picture.naturalHeight * scale);
      canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
      return new Promise(function (good) { canvas.toBlob(good, "image/jpeg", 0.82); });
    }).then(function (blob) { return blob || file; }, function () { return file; }).then(function (blob) {
      URL.revokeObjectURL(address);
      // Store bytes, not blobs: some phones lose a blob's file.
      return new Response(blob).arrayBuffer().then(function (data) {
        return { data: data, type: blob.type, name: blob === file ? file.name : file.name.replace(/\.\w+$/, "") + ".jpg" };
      });
    });
  }
  function newKey() {
    if (window.crypto.randomUUID) return window.crypto.randomUUID();
    var bytes = window.crypto.getRandomValues(new Uint8Array(16));
    var hex = Array.from(bytes, function (byte) { return byte.toString(16).padStart(2, "0"); }).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  }
  function recordOf(form) {
    var fields = {}, files = [], title = document.querySelector("#main h1");
    new FormData(form).forEach(function (value, name) {
      if (value instanceof File) { if (value.size) files.push(value); } else if (name !== "csrfmiddlewaretoken") fields[name] = value;
    });
    var record = {
      key: newKey(), leg: Number(form.dataset.leg), verb: form.dataset.record, title: title ? title.textContent.trim() : "",
      fields: fields, at: Date.now(), me: me, state: "", code: "", said: ""
    };
    return Promise.all(files.map(shrunk)).then(function (photos) { return Object.assign(record, { photos: photos }); });
  }
  function missing(form) {
    var proof = form.dataset.proof, files = form.querySelector("input[type=file]"), words = form.elements.words;
    if (proof === "photo" && files && !files.files.length) return at.noPhoto;
    if (proof === "words" && words && !words.value.trim()) return at.noWords;
    if (files && files.files.length > Number(files.dataset.max || 6)) return fill("tooMany", { n: files.dataset.max || 6 });
    return "";
  }
  function emptied(form) {
    if (window.yinghuSend) window.yinghuSend.forget(form);
    form.reset();
    form.querySelectorAll("input[type=file]").forEach(function (input) { input.dispatchEvent(new Event("change", { bubbles: true })); });
    var old = form.querySelector(".send-note");
    if (old) old.remove();
    delete form.dataset.sent;
    form.removeAttribute("aria-busy");
  }
  function record(form) {
    var problem = missing(form);
    if (problem) { note(form, problem); return; }
    form.dataset.sent = "yes";
    form.setAttribute("aria-busy", "true");
    recordOf(form).then(queue.add).then(function () {
      emptied(form);
      if (navigator.storage && navigator.storage.persist) navigator.storage.persist();
      if (window.yinghuPhone) window.yinghuPhone.sync();
      wait = 0;
      start();
    }, function () {
      // No storage left: submit the form normally if online.
      if (!navigator.onLine) { note(form, at.full); return; }
      form.dataset.plain = "yes";
      form.submit();
    });
  }
  // Capture before `app.js` and `send.js`, which must not handle recorded steps.
  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (form.method !== "post" || !form.closest("#main")) return;
    if (form.dataset.record && ready && me && !form.dataset.plain) {
      event.preventDefault();
      event.stopPropagation();
      if (!form.dataset.sent) record(form);
    } else if (!form.dataset.record && !navigator.onLine && /\/leg\//.test(form.action)) {
      event.preventDefault();
      event.stopPropagation();
      note(form, at.needsNetwork);
    }
  }, true);

  // ---- sending
  function start() {
    if (!ready || sending) return;
    clearTimeout(timer);
    if (!navigator.onLine) { state = "offline"; draw(); return; }
    sending = queue.send().then(ended, function () { ended("failed"); });
  }
  function ended(how) {
    sending = null;
    state = how;
    draw();
    if (["offline", "failed", "again"].indexOf(how) < 0 || !navigator.onLine || document.hidden) return;
    wait = Math.min(LONGEST, wait ? wait * 2 : FIRST);
    timer = setTimeout(start, wait);
  }
  function begin() {
    queue.all().then(function (found) {
      if (found.some(function (each) { return queue.isWaiting(each) && each.me === me; })) start();
      else draw();
    });
  }
  // Refresh the parts of the page and its cached copy.
  function refresh(path) {
    document.querySelectorAll("[data-follow][hx-trigger=look]").forEach(function (part) {
      if (part.closest("#main") && window.htmx) window.htmx.trigger(part, "look");
    });
    if (window.yinghuPhone) window.yinghuPhone.again(path);
  }
  var told = "", finished = false;
  queue.listen(function (what) {
    if (what.say === "sending") show("send", "", fill("sending", what));
    if (what.say === "sent") {
      told = what.said;
      finished = true;
      refresh("/field/-/leg/" + what.leg);
    }
    if (what.say === "refused") finished = false;
    if (what.say === "refused" || what.say === "kept") refresh("/field/-/leg/" + what.leg);
    if (what.say === "ended") { state = what.state; draw(); } else if (what.say === "changed" && !sending) draw();
  });
  window.addEventListener("online", function () {
    wait = 0;
    if (state === "offline") state = "";
    begin();
    if (root.dataset.keptAt) refresh(window.location.pathname);
  });
  window.addEventListener("offline", function () { clearTimeout(timer); draw(); });
  document.addEventListener("visibilitychange", function () { if (!document.hidden && ready) begin(); });
  document.addEventListener("htmx:afterSwap", function (event) {
    if (event.target.closest("#main")) delete root.dataset.keptAt;
    if (ready) draw();
  });

  // ---- status line: at the top, on a phone at the bottom (`small.css`)
  function show(name, look, text, more) {
    strip.className = "phone-strip " + look;
    line.replaceChildren(icon(name), made("span", "", text));
    if (more) line.append(more);
    strip.hidden = false;
  }
  function link(text, href) {
    var found = made("a", "", text);
    found.href = href;
    return found;
  }
  function say(mine, theirs, refused) {
    var n = mine.length, now = button("btn-sm", at.now, function () { wait = 0; start(); });
    if (sending) return;
    if (n && isOffline()) show("wifi-off", "is-off", fill("waiting", { n: n }));
    else if (n && state === "login") show("login", "is-off", fill("login", { n: n }), link(at.loginWords, at.loginAt + "?next=" + encodeURIComponent(window.location.pathname)));
    else if (n && state === "again") show("hourglass", "is-off", fill("again", { n: n }), now);
    else if (n && state === "failed") show("alert-circle", "is-off", fill("failed", { n: n }), now);
    else if (n) show("hourglass", "is-off", fill("kept", { n: n }));
    else if (refused && !finished) show("alert-circle", "is-refused", at.refused + " · " + (refused.said || at.unreadable));
    else if (finished) show("circle-check", "is-done", told ? at.done + " " + told : at.done);
    else if (isOffline() && root.dataset.keptAt) show("wifi-off", "is-off", fill("asOf", { at: clock(Number(root.dataset.keptAt)) }));
    else if (!navigator.onLine) show("wifi-off", "is-off", at.offline);
    else if (theirs) show("info-circle", "is-off", fill("theirs", { n: theirs }));
    else strip.hidden = true;
  }

  // ---- cards of recorded steps
  function card(record, here) {
    var refused = record.state === "refused", kept = record.state === "kept";
    var box = made("article", "card recorded-step" + (refused ? " is-refused" : kept ? " is-kept" : ""));
    var top = made("p", "recorded-head"), photos = made("div", "photos"), fields = record.fields;
    var words = [fields.words, fields.why, fields.kept].filter(Boolean).join("\n");
    top.append(icon(refused ? "alert-circle" : kept ? "circle-check" : "hourglass"), made("b", "", at["verb" + record.verb]), made("time", "text-secondary", clock(record.at)));
    top.append(made("span", "badge recorded-state", refused ? at.refused : kept ? at.keptIt : at.toSend));
    box.append(top);
    if (!here && record.title) box.append(link(record.title, "/field/-/leg/" + record.leg));
    if (record.said || refused) box.append(made("p", "recorded-why", record.said || at.unreadable));
    if (words && refused) {
      var text = made("textarea", "form-control");
      text.readOnly = true;
      text.value = words;
      text.rows = 3;
      text.setAttribute("aria-label", at.written);
      text.setAttribute("data-select", "");
      box.append(text);
    } else if (words) box.append(made("p", "words", words));
    if (fields.paid) box.append(made("p", "text-secondary", fill("paid", { n: fields.paid })));
    record.photos.forEach(function (photo, i) {
      var image = new Image(), address = URL.createObjectURL(new Blob([photo.data], { type: photo.type }));
      image.alt = fill("photo", { n: i + 1 });
      image.onload = function () { URL.revokeObjectURL(address); };
      image.src = address;
      photos.append(image);
    });
    if (record.photos.length) box.append(photos);
    if (refused || kept) box.append(button("", at.seen, function () { queue.drop(record.n).then(draw); }));
    else if (record.state === "again") box.append(button("", at.forget, function () { if (window.confirm(at.sure)) queue.drop(record.n).then(draw); }));
    return box;
  }
  // Hide forms of waiting steps, and show those that are meant for offline use only when offline.
  function veil(waiting) {
    document.querySelectorAll("[data-offline]").forEach(function (part) { part.hidden = !isOffline(); });
    document.querySelectorAll("form[data-record]").forEach(function (form) {
      var part = form.closest("details") || form, is = waiting.some(function (record) {
        return record.leg === Number(form.dataset.leg) && (LAST[record.verb] || []).indexOf(form.dataset.record) >= 0;
      });
      if (is || part.dataset.veiled) part.hidden = is || (part.hasAttribute("data-offline") && !isOffline());
      if (is) part.dataset.veiled = "yes"; else delete part.dataset.veiled;
    });
  }
  function draw() {
    var turn = drawn += 1, leg = /\/leg\/(\d+)/.exec(window.location.pathname), here = leg ? Number(leg[1]) : 0;
    return queue.all().then(function (found) {
      if (turn !== drawn) return;
      var mine = found.filter(function (record) { return record.me === me; }), waiting = mine.filter(queue.isWaiting);
      var shown = mine.filter(function (record) { return queue.isSettled(record) || !here || record.leg === here; });
      say(waiting, found.filter(function (record) { return record.me !== me && queue.isWaiting(record); }).length, shown.filter(function (record) { return record.state === "refused"; }).pop());
      veil(waiting);
      cards.replaceChildren.apply(cards, shown.map(function (record) { return card(record, record.leg === here); }));
      cards.hidden = !shown.length;
    });
  }
  // Whoever serves no more keeps no pages with names and phone numbers.
  if (head && "departed" in head.dataset && navigator.serviceWorker && navigator.serviceWorker.controller) navigator.serviceWorker.controller.postMessage({ say: "forget" });
  if (root.dataset.keptAt) document.querySelectorAll("#messages").forEach(function (part) { part.remove(); });
  if (!window.indexedDB) return;
  queue.open().then(function () {
    ready = true;
    begin();
    if (root.dataset.keptAt && navigator.onLine) refresh(window.location.pathname);
  }, function () { /* private window: plain forms */ });
})();
