// Citizens' pages: drafts, sending over a bad network, photo resizing, position.
// Every page works without this file.
"use strict";
(function () {
  var says = document.getElementById("says").dataset;
  var TWO_DAYS = 2 * 86400e3, MAX_SIDE = 1600, QUALITY = 0.82, MAX_BYTES = 12 * 1024 * 1024, STALL = 60000;
  function all(selector, root) { return Array.from((root || document).querySelectorAll(selector)); }
  function on(selector, act) {
    document.addEventListener("click", function (event) {
      var found = event.target.closest(selector);
      if (found) act(found, event);
    });
  }

  // --- The tray at the foot of the page: state of draft and sending.
  var tray = document.getElementById("tray");
  function tell(text, shown) {
    tray.querySelector("p").textContent = text;
    ["again", "clear", "close"].forEach(function (name) {
      tray.querySelector("[data-" + name + "]").hidden = (shown || []).indexOf(name) < 0;
    });
    tray.querySelector("progress").hidden = true;
    tray.hidden = !text;
  }
  function progress(share) {
    var bar = tray.querySelector("progress");
    bar.hidden = false;
    bar.value = Math.round(share * 100);
  }
  on("#tray [data-close]", function () { tell(""); });

  // --- Drafts. The filing form's is kept for two days; those of a case's page only in this tab,
  // because their keys contain its secret URL.
  function storeOf(form) { return form.hasAttribute("data-filing") ? "localStorage" : "sessionStorage"; }
  function keyOf(form) { return "yinghu-draft:" + form.getAttribute("action"); }
  function read(form) {
    try { return JSON.parse(window[storeOf(form)].getItem(keyOf(form))); } catch (e) { return null; }
  }
  function write(form, draft) {
    try {
      if (draft) window[storeOf(form)].setItem(keyOf(form), JSON.stringify(draft));
      else window[storeOf(form)].removeItem(keyOf(form));
    } catch (e) { /* storage forbidden or full: no draft */ }
  }
  try {
    Object.keys(localStorage).forEach(function (key) {
      if (key.indexOf("yinghu-draft:") !== 0) return;
      var draft = null;
      try { draft = JSON.parse(localStorage.getItem(key)); } catch (e) { /* unreadable: remove */ }
      if (!draft || !(Date.now() - draft.at < TWO_DAYS)) localStorage.removeItem(key);
    });
  } catch (e) { /* no storage */ }
  var KEPT = { lon: 1, lat: 1, category: 1 };
  function fieldsOf(form) {
    return Array.from(form.elements).filter(function (field) {
      return field.name && field.type !== "file" && field.type !== "submit" && (field.type !== "hidden" || KEPT[field.name]);
    });
  }
  function save(form, tried) {
    var old = read(form) || {}, values = old.values || {}, said = false;
    fieldsOf(form).forEach(function (field) {
      if (field.type === "checkbox") values[field.name] = field.checked;
      else if (field.type !== "radio" || field.checked) values[field.name] = field.value;
      if (field.type === "checkbox" || field.type === "radio" ? field.checked && field.value : field.value && field.name !== "category") said = true;
    });
    var photos = picturesOf(form).length;
    if (!said && !photos) { write(form, null); return; }
    var id = form.elements.form_id;
    write(form, { at: Date.now(), values: values, photos: photos, form_id: id && id.value, tried: tried || old.tried });
  }
  function fill(form, values) {
    var filled = false;
    fieldsOf(form).forEach(function (field) {
      var value = values[field.name];
      if (value === undefined || field.name === "category") return;
      if (field.type === "checkbox") { if (value && !field.checked) field.checked = filled = true; }
      else if (field.type === "radio") { if (value && value === field.value && !field.checked) field.checked = filled = true; }
      else if (!field.value && value) { field.value = value; filled = true; }
    });
    return filled;
  }
  function restore(form) {
    if (form.hasAttribute("data-filing") && returned(form)) return;
    var draft = read(form);
    if (!draft || !draft.values) return;
    if (!form.hasAttribute("data-filing") && draft.tried && document.querySelector("#messages .alert-success")) {
      write(form, null);
      return;
    }
    var filled = fill(form, draft.values);
    // Keep the form id, in case the first request reached the server and only the answer was lost.
    if (draft.form_id && filled && form.elements.form_id) form.elements.form_id.value = draft.form_id;
    var act = form.closest("details");
    if (act && filled) act.open = true;
    if (!form.hasAttribute("data-filing")) return;
    if (filled) tell(says.restored + (draft.photos ? " " + says.restoredPhotos : ""), ["clear", "close"]);
    if (form.elements.lon.value) located(form.elements.lon);
    if (filled && !form.elements.category.value) choose(form, draft.values.category);
  }
  // Going back to a sent form restores its input and id, so that resending creates no second appeal.
  function sentKey(form) { return "yinghu-sent:" + form.getAttribute("action"); }
  function returned(form) {
    var sent = null, way = performance.getEntriesByType("navigation")[0];
    try {
      sent = JSON.parse(sessionStorage.getItem(sentKey(form)));
      if (!way || way.type !== "back_forward") sessionStorage.removeItem(sentKey(form));
    } catch (e) { /* no storage */ }
    if (!sent || !way || way.type !== "back_forward") return false;
    fill(form, sent.values);
    choose(form, sent.values.category);
    form.elements.form_id.value = sent.form_id;
    form.dataset.left = "sent";
    tell(says.sent, ["clear", "close"]);
    return true;
  }
  window.addEventListener("pageshow", function (event) {
    var form = event.persisted && document.querySelector("form[data-filing][data-left]");
    if (!form) return;
    form.dataset.left = "sent";
    tell(says.sent, ["clear", "close"]);
  });
  on("#tray [data-clear]", function () {
    all("form[data-filing]").forEach(function (form) {
      write(form, null);
      form.dataset.left = "yes";
      try { sessionStorage.removeItem(sentKey(form)); } catch (e) { /* no storage */ }
    });
    window.location.replace(window.location.pathname);
  });
  function saveAll() {
    all("form[data-filing], form[data-draft]").forEach(function (form) { if (!form.dataset.left) save(form); });
  }
  ["input", "change"].forEach(function (kind) {
    document.addEventListener(kind, function (event) {
      var form = event.target.form;
      if (form && form.dataset.left === "sent") delete form.dataset.left;
      if (form && (form.hasAttribute("data-filing") || form.hasAttribute("data-draft")) && !form.dataset.left) save(form);
    });
  });
  document.addEventListener("submit", function (event) {
    if (event.target.hasAttribute("data-draft")) save(event.target, true);
  });
  // Switching the language loads another page: carry over forms without a draft once.
  var CARRY = "yinghu-carry";
  function others() {
    return all("#main form:not([data-filing]):not([data-draft])").filter(function (form) {
      return fieldsOf(form).some(function (field) { return field.type !== "hidden"; });
    });
  }
  document.addEventListener("submit", function (event) {
    if (!event.target.classList.contains("language")) return;
    var kept = others().map(function (form) {
      var values = {};
      fieldsOf(form).forEach(function (field) { if (field.type !== "hidden") values[field.name] = field.value; });
      return values;
    });
    try { sessionStorage.setItem(CARRY, JSON.stringify([window.location.pathname, kept])); } catch (e) { /* no storage */ }
  });
  function carried() {
    try {
      var kept = JSON.parse(sessionStorage.getItem(CARRY));
      sessionStorage.removeItem(CARRY);
      if (kept && kept[0] === window.location.pathname) others().forEach(function (form, index) { fill(form, kept[1][index] || {}); });
    } catch (e) { /* no storage */ }
  }
  // Restore the answers when a category is picked again.
  document.addEventListener("htmx:afterSettle", function (event) {
    var form = document.querySelector("form[data-filing]");
    if (!form || event.target.id !== "need") return;
    var draft = read(form);
    if (draft) fill(form, draft.values);
    save(form);
  });
  function mark(button) {
    document.querySelector("#need [name=category]").value = button.value;
    all("#need [name=pick]").forEach(function (each) { each.setAttribute("aria-pressed", String(each === button)); });
  }
  function choose(form, code) {
    var button = all("[name=pick]", form).filter(function (each) { return each.value === code; })[0];
    if (!button || form.elements.category.value === code) return;
    mark(button);
    button.click();
  }
  function withoutQuestions(event) {
    if (event.target.name !== "pick" || (event.type === "htmx:beforeRequest" && navigator.onLine !== false)) return;
    event.preventDefault();
    mark(event.target);
    save(event.target.form);
    tell(says.kindOffline, ["close"]);
  }
  document.addEventListener("htmx:beforeRequest", withoutQuestions);
  document.addEventListener("htmx:sendError", withoutQuestions);

  // --- Photos: resized for slow networks; each can be removed.
  var chosen = new WeakMap(), shrinking = 0;
  function picturesOf(form) {
    var input = form.querySelector("input[type=file]");
    return input ? chosen.get(input) || Array.from(input.files) : [];
  }
  // What the server takes, by the first bytes: names and types of files are often wrong.
  var KINDS = [["jpeg", /^\xff\xd8\xff/], ["png", /^\x89PNG/], ["gif", /^GIF8/], ["webp", /^RIFF[^]{4}WEBP/],
    ["heif", /^[^]{4}ftyp(hei[cmsx]|hev[cmsx]|mif1|msf1)/]];
  function kindOf(file) {
    return new Promise(function (resolve) {
      var reader = new FileReader();
      reader.onerror = function () { resolve(""); };
      reader.onload = function () {
        var head = String.fromCharCode.apply(null, new Uint8Array(reader.result));
        var found = KINDS.filter(function (pair) { return pair[1].test(head); })[0];
        resolve(found ? found[0] : "");
      };
      reader.readAsArrayBuffer(file.slice(0, 16));
    });
  }
  // Resolves to the file to send, or to the reason (a key of `says`) why it cannot be taken.
  function shrink(file) {
    return kindOf(file).then(function (kind) {
      return resized(file, kind).then(function (small) {
        return typeof small !== "string" && small.size > MAX_BYTES ? "photoBig" : small;
      });
    });
  }
  function resized(file, kind) {
    // Browsers that ignore image orientation would produce rotated photos.
    var turns = window.CSS && CSS.supports && CSS.supports("image-orientation", "from-image");
    if (kind && (!turns || kind === "gif")) return Promise.resolve(file);
    return new Promise(function (resolve) {
      var image = new Image(), url = URL.createObjectURL(file);
      function done(result) { URL.revokeObjectURL(url); resolve(result); }
      // Few browsers open HEIF, but the server does. Every browser opens the other kinds.
      image.onerror = function () { done(kind === "heif" ? file : kind ? "photoBroken" : "notPhoto"); };
      image.onload = function () {
        var share = Math.min(1, MAX_SIDE / Math.max(image.naturalWidth, image.naturalHeight));
        // Another kind that this browser opens becomes a JPEG, whatever its size.
        if (kind && share === 1 && file.size < 400000) { done(file); return; }
        try {
          var canvas = document.createElement("canvas"), pen;
          canvas.width = Math.max(1, Math.round(image.naturalWidth * share));
          canvas.height = Math.max(1, Math.round(image.naturalHeight * share));
          pen = canvas.getContext("2d");
          pen.fillStyle = "#fff";
          pen.fillRect(0, 0, canvas.width, canvas.height);
          pen.drawImage(image, 0, 0, canvas.width, canvas.height);
          canvas.toBlob(function (blob) {
            if (kind && (!blob || blob.size >= file.size)) { done(file); return; }
            if (!blob) { done("notPhoto"); return; }
            done(new File([blob], file.name.replace(/\.[^.]*$/, "") + ".jpg", { type: "image/jpeg" }));
          }, "image/jpeg", QUALITY);
        } catch (e) { done(kind ? file : "notPhoto"); }
      };
      image.src = url;
    });
  }
  function put(input, files) {
    chosen.set(input, files);
    try {
      var carrier = new DataTransfer();
      files.forEach(function (file) { carrier.items.add(file); });
      input.files = carrier.files;
    } catch (e) { /* the browser sends the original files */ }
    var strip = input.closest(".photo-field").querySelector(".strip");
    all("img", strip).forEach(function (image) { URL.revokeObjectURL(image.src); });
    strip.replaceChildren();
    files.forEach(function (file, index) {
      var item = document.createElement("li"), image = document.createElement("img"), button = document.createElement("button");
      image.alt = file.name;
      image.onerror = function () {
        // The browser cannot show it; the server can.
        var name = document.createElement("span");
        name.className = "no-preview";
        name.textContent = (/\.(\w{1,5})$/.exec(file.name) || ["", "?"])[1].toUpperCase();
        name.title = file.name + " · " + says.noPreview;
        name.setAttribute("role", "img");
        name.setAttribute("aria-label", file.name);
        image.replaceWith(name);
      };
      image.src = URL.createObjectURL(file);
      button.type = "button";
      button.className = "btn btn-icon";
      button.setAttribute("aria-label", says.remove + " " + (index + 1));
      button.textContent = "×";
      button.addEventListener("click", function () {
        put(input, files.filter(function (other) { return other !== file; }));
        input.focus();
      });
      item.append(image, button);
      strip.append(item);
    });
    strip.hidden = !files.length;
    if (input.form) save(input.form);
  }
  // Say beside the photos which could not be taken, and why.
  function complain(input, refused) {
    var part = input.closest(".photo-field"), strip = part.querySelector(".strip");
    all(".wrong", part).forEach(function (old) { old.remove(); });
    if (!refused.length) return;
    var note = document.createElement("div");
    note.className = "wrong";
    note.setAttribute("role", "alert");
    note.textContent = refused.concat(says.photosStay).join(" ");
    part.insertBefore(note, strip);
  }
  document.addEventListener("change", function (event) {
    var input = event.target;
    if (input.type !== "file" || !input.closest(".photo-field")) return;
    var most = Number(input.dataset.max), before = chosen.get(input) || [], added = Array.from(input.files);
    var refused = [];
    if (before.length + added.length > most) tell(says.most, ["close"]);
    added = added.slice(0, Math.max(0, most - before.length));
    if (!added.length) { put(input, before); return; }
    var done = 0;
    shrinking += 1;
    if (tray.hidden) tell(says.shrinking);
    progress(0);
    // One after another, to save memory on small phones.
    added.reduce(function (line, file) {
      return line.then(function (ready) {
        return shrink(file).then(function (small) {
          done += 1;
          progress(done / added.length);
          if (typeof small !== "string") return ready.concat(small);
          refused.push(says[small].replace("{name}", file.name));
          return ready;
        });
      });
    }, Promise.resolve([])).then(function (ready) {
      shrinking -= 1;
      if (tray.querySelector("p").textContent === says.shrinking) tell("");
      tray.querySelector("progress").hidden = true;
      put(input, before.concat(ready));
      complain(input, refused);
      document.dispatchEvent(new Event("yinghu:shrunk"));
    });
  });

  // --- Validation. The server reports all errors at once; the browser only checks input that it would
  // not submit, and everything while offline.
  function judged(form) { form.noValidate = true; }
  function handedOver(form) {
    var lost = Array.from(form.elements).find(function (field) { return field.validity && field.validity.badInput; });
    if (lost) { lost.reportValidity(); return false; }
    return navigator.onLine !== false || form.reportValidity();
  }

  // --- Sending. The signed form id makes repeated requests one appeal.
  var sending = null, waiting = 0, tries = 0, renewed = false;
  function send(form) {
    clearTimeout(waiting);
    if (sending) return;
    if (shrinking) {
      tell(says.shrinking);
      document.addEventListener("yinghu:shrunk", function () { send(form); }, { once: true });
      return;
    }
    save(form, true);
    if (navigator.onLine === false) { later(form, says.offline); return; }
    var data = new FormData(form), pictures = picturesOf(form), quiet = 0;
    data.delete("photos");
    pictures.forEach(function (file) { data.append("photos", file, file.name); });
    var call = sending = new XMLHttpRequest();
    function watch() {
      clearTimeout(quiet);
      quiet = setTimeout(function () { call.abort(); }, STALL);
    }
    function end() {
      clearTimeout(quiet);
      sending = null;
      form.removeAttribute("aria-busy");
    }
    form.setAttribute("aria-busy", "true");
    tell(says.sending);
    call.upload.onprogress = function (event) {
      watch();
      if (event.lengthComputable && pictures.length) progress(event.loaded / event.total);
    };
    call.onerror = call.onabort = function () {
      end();
      later(form, navigator.onLine === false ? says.offline : says.failed);
    };
    call.onload = function () { end(); answered(form, call); };
    call.open("POST", form.action);
    call.setRequestHeader("Accept", "application/json");
    call.send(data);
    watch();
  }
  function later(form, why) {
    tries += 1;
    tell(why, ["again"]);
    form.dataset.waits = "yes";
    waiting = setTimeout(function () { send(form); }, Math.min(60, 5 * Math.pow(2, tries - 1)) * 1000);
  }
  function answered(form, call) {
    delete form.dataset.waits;
    if (call.status === 201) {
      var sent = read(form);
      write(form, null);
      form.dataset.left = "yes";
      try { sessionStorage.setItem(sentKey(form), JSON.stringify(sent)); } catch (e) { /* no storage */ }
      window.location.assign(JSON.parse(call.responseText).filed);
      return;
    }
    if (call.status >= 500) { later(form, says.busy); return; }
    tries = 0;
    if (call.status === 413) { tell(says.tooBig, ["close"]); return; }
    var page = new DOMParser().parseFromString(call.responseText, "text/html");
    var fresh = page.querySelector("form[data-filing]");
    if (!fresh) { later(form, says.busy); return; }
    if (call.status === 403 && !renewed) {
      // The form has expired: send the same input once more under the new id.
      renewed = true;
      ["form_id", "csrfmiddlewaretoken"].forEach(function (name) { form.elements[name].value = fresh.elements[name].value; });
      send(form);
      return;
    }
    renewed = false;
    show(form, page);
  }
  function show(form, page) {
    // Show the server's page with errors, keeping the photos.
    var main = document.getElementById("main"), photos = form.querySelector(".photo-field");
    main.replaceChildren.apply(main, Array.from(page.getElementById("main").childNodes).map(function (node) { return document.importNode(node, true); }));
    var next = main.querySelector("form[data-filing]"), slot = next.querySelector(".photo-field"), wrong = slot.querySelector(".wrong");
    all(".wrong", photos).forEach(function (old) { old.remove(); });
    if (wrong) photos.insertBefore(wrong, photos.querySelector(".strip"));
    slot.replaceWith(photos);
    all(".photos-lost", main).forEach(function (note) { note.remove(); });
    if (window.htmx) window.htmx.process(main);
    judged(next);
    if (next.elements.lon.value) located(next.elements.lon);
    tell("");
    save(next);
    var first = main.querySelector(".wrong") || main.querySelector(".alert-danger");
    if (first) {
      first.scrollIntoView({ block: "center" });
      var field = first.closest(".mb-3") && first.closest(".mb-3").querySelector("input, textarea, select");
      if (field) field.focus({ preventScroll: true });
    }
  }
  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (!form.hasAttribute("data-filing") || (event.submitter && event.submitter.name === "pick")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    tries = 0;
    if (handedOver(form)) send(form);
  }, true);
  function again() {
    var form = document.querySelector("form[data-filing][data-waits]");
    if (form) send(form);
  }
  window.addEventListener("online", again);
  on("#tray [data-again]", again);

  // --- Position: the phone's, or a point on a map that is loaded on demand.
  function located(lon) {
    var box = lon.closest(".where-box"), found = box.querySelector(".where-found"), lat = box.querySelector("[name=lat]");
    function word(text) {
      found.hidden = false;
      found.querySelector("span").textContent = text;
      found.querySelector("[data-unlocate]").hidden = !lon.value;
    }
    word(says.located);
    fetch("/geo/at?lon=" + encodeURIComponent(lon.value) + "&lat=" + encodeURIComponent(lat.value), { credentials: "same-origin" })
      .then(function (answer) { return answer.ok ? answer.json() : {}; })
      .then(function (area) {
        var near = lon.dataset.within ? " · " + says.metres.replace("{n}", lon.dataset.within) : "";
        if (lon.value) word(area.far ? says.far : says.located + (area.name ? " · " + area.name : "") + near);
      })
      .catch(function () { /* show the position without a name */ });
  }
  document.addEventListener("change", function (event) {
    if (event.target.name !== "lon" || !event.target.closest(".where-box")) return;
    delete event.target.dataset.within;
    located(event.target);
    if (event.target.form) save(event.target.form);
  });
  on("[data-locate]", function (button) {
    var box = button.closest(".where-box"), found = box.querySelector(".where-found");
    function word(text) {
      found.hidden = false;
      found.querySelector("span").textContent = text;
      found.querySelector("[data-unlocate]").hidden = !box.querySelector("[name=lon]").value;
      button.removeAttribute("aria-busy");
    }
    if (!navigator.geolocation) { word(says.nowhere); return; }
    word(says.locating);
    button.setAttribute("aria-busy", "true");
    navigator.geolocation.getCurrentPosition(function (position) {
      var lon = box.querySelector("[name=lon]"), lat = box.querySelector("[name=lat]");
      button.removeAttribute("aria-busy");
      lon.value = position.coords.longitude.toFixed(6);
      lat.value = position.coords.latitude.toFixed(6);
      lon.dataset.within = Math.max(5, Math.round(position.coords.accuracy));
      located(lon);
      save(lon.form);
      box.dispatchEvent(new CustomEvent("yinghu:position", { detail: [Number(lon.value), Number(lat.value)] }));
    }, function (error) { word(error.code === 1 ? says.denied : says.nowhere); }, { enableHighAccuracy: true, timeout: 20000, maximumAge: 60000 });
  });
  on("[data-unlocate]", function (button) {
    var box = button.closest(".where-box");
    box.querySelector("[name=lon]").value = box.querySelector("[name=lat]").value = "";
    box.querySelector(".where-found").hidden = true;
    save(button.form);
    box.querySelector("[data-locate]").focus();
  });
  on("[data-open-map]", function (button) {
    var part = document.getElementById("where-map"), script = document.createElement("script");
    part.hidden = !part.hidden;
    button.setAttribute("aria-expanded", String(!part.hidden));
    if (part.hidden) return;
    if (window.yinghuMap) { window.yinghuMap(part.querySelector(".map")); return; }
    script.src = button.dataset.openMap;
    script.onload = function () { window.yinghuMap(part.querySelector(".map")); };
    document.head.append(script);
  });

  // --- Reload the actions when the case may be urged again.
  function untilUrge() {
    all("[data-again-at]").forEach(function (note) {
      var left = new Date(note.dataset.againAt) - Date.now();
      setTimeout(function () { if (window.htmx) window.htmx.trigger("#acts", "look"); }, Math.max(left, 1000) + 500);
    });
  }
  untilUrge();

  document.addEventListener("yinghu:tell", function (event) { tell(event.detail, ["close"]); });

  // After htmx has processed the page, so that scripted clicks use it.
  document.addEventListener("DOMContentLoaded", function () {
    all("form[data-filing]").forEach(judged);
    all("form[data-filing], form[data-draft]").forEach(restore);
    carried();
  });
  window.addEventListener("pagehide", saveAll);
})();
