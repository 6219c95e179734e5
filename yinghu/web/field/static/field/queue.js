// Queue of steps recorded on this phone: stored in IndexedDB, then sent one at a time, each with a key
// that makes it idempotent. Runs in pages and in the service worker.
"use strict";
(function (scope) {
  var DOOR = "/field/-/records", SLOW = 180000; // timeout in ms of a step with photos
  var opened = null, listeners = [];
  var channel = scope.BroadcastChannel ? new scope.BroadcastChannel("yinghu-field") : null;

  // ---- stored records: { n, key, leg, verb, title, fields, photos, at, me, state, code, said }
  // `state`: "" to be sent, "again" waits for another user's step, "refused" finally refused, "kept"
  // done, but its user has to read what was said of it.
  function open() {
    if (opened) return opened;
    opened = new Promise(function (good, bad) {
      var asked = scope.indexedDB.open("yinghu-field", 1);
      asked.onupgradeneeded = function () {
        asked.result.createObjectStore("records", { keyPath: "n", autoIncrement: true });
      };
      asked.onerror = function () { bad(asked.error); };
      asked.onsuccess = function () {
        asked.result.onversionchange = function () { asked.result.close(); opened = null; };
        asked.result.onclose = function () { opened = null; };
        good(asked.result);
      };
    });
    opened.catch(function () { opened = null; });
    return opened;
  }
  function run(mode, act) {
    return open().then(function (base) {
      return new Promise(function (good, bad) {
        var whole = base.transaction("records", mode), asked = act(whole.objectStore("records"));
        whole.oncomplete = function () { good(asked.result); };
        whole.onabort = whole.onerror = function () { bad(whole.error || asked.error); };
      });
    });
  }
  function all() { return run("readonly", function (store) { return store.getAll(); }); }
  function changed(what) { tell({ say: "changed" }); return what; }
  function add(record) { return run("readwrite", function (store) { return store.add(record); }).then(changed); }
  function put(record) { return run("readwrite", function (store) { return store.put(record); }).then(changed); }
  function drop(n) { return run("readwrite", function (store) { return store.delete(n); }).then(changed); }

  // ---- listeners in this page and all others
  function hear(what) { listeners.forEach(function (listener) { listener(what); }); }
  function tell(what) {
    hear(what);
    if (channel) channel.postMessage(what);
  }
  if (channel) channel.onmessage = function (event) { hear(event.data); };

  // ---- sending
  function parsed(text) {
    try { return JSON.parse(text); } catch (other) { return null; }
  }
  // Do not follow redirects: they lead to a login or a captive portal.
  function ask(more) {
    var end = scope.AbortController ? new scope.AbortController() : null;
    var timer = setTimeout(function () { if (end) end.abort(); }, SLOW);
    var how = { credentials: "same-origin", redirect: "manual", cache: "no-store", signal: end ? end.signal : undefined };
    return fetch(DOOR, Object.assign(how, more)).then(function (answer) {
      return answer.text().then(function (text) { return { status: answer.status, said: parsed(text) }; });
    }).catch(function () { return { status: -1, said: null }; }).then(function (answer) {
      clearTimeout(timer);
      return answer;
    });
  }
  // Reason to stop sending, "" if none.
  function stops(answer) {
    if (answer.status === -1) return "offline";
    if (answer.status === 401 && answer.said) return "login";
    if (answer.status === 409 && answer.said && answer.said.code === "other") return "other";
    return "";
  }
  function settle(record, code, said, state) {
    return put(Object.assign(record, { code: code, said: said, state: state })).then(function () {
      tell({ say: state, leg: record.leg, verb: record.verb });
      return "";
    });
  }
  function bodyOf(record) {
    var body = new FormData();
    Object.keys(record.fields).forEach(function (name) { body.append(name, record.fields[name]); });
    ["key", "leg", "verb", "at", "me"].forEach(function (name) { body.append(name, String(record[name])); });
    body.append("now", String(Date.now()));
    record.photos.forEach(function (photo) {
      body.append("photos", new Blob([photo.data], { type: photo.type }), photo.name);
    });
    return body;
  }
  function post(record, round) {
    return ask({ method: "POST", body: bodyOf(record), headers: { "X-CSRFToken": round.token } }).then(function (answer) {
      var said = answer.said, stop = stops(answer);
      if (stop) return stop;
      if (said && said.ok === true && said.kept) return settle(record, "", said.said, "kept");
      if (said && said.ok === true) {
        return drop(record.n).then(function () {
          tell({ say: "sent", leg: record.leg, verb: record.verb, said: said.said });
          return "";
        });
      }
      if (said && said.again) {
        round.held[record.leg] = true;
        return settle(record, said.code, said.said, "again");
      }
      if (said && said.ok === false && answer.status < 500) return settle(record, said.code, said.said, "refused");
      if (answer.status === 400 || answer.status === 413) return settle(record, "unreadable", "", "refused");
      // Server error: hold only this leg's records.
      round.held[record.leg] = round.failed = true;
      return answer.status === 500 ? "" : "failed";
    });
  }
  function isSettled(record) { return record.state === "refused" || record.state === "kept"; }
  function isWaiting(record) { return !isSettled(record); }
  function next(round) {
    return all().then(function (found) {
      var mine = found.filter(function (record) { return isWaiting(record) && round.users.indexOf(record.me) >= 0; });
      // Keep the order within a leg.
      var record = mine.find(function (each) { return !round.tried[each.n] && !round.held[each.leg]; });
      if (!record) return mine.length ? (round.failed ? "failed" : "again") : "done";
      round.tried[record.n] = true;
      round.i += 1;
      tell({ say: "sending", i: round.i, n: round.i - 1 + mine.length });
      return post(record, round).then(function (stop) { return stop || next(round); });
    });
  }
  function pass() {
    return all().then(function (found) {
      if (!found.some(isWaiting)) return "done";
      // Ask each time: a cached page may have an outdated user and CSRF token.
      return ask({ method: "GET", headers: { Accept: "application/json" } }).then(function (answer) {
        var stop = stops(answer);
        if (stop) return stop;
        if (answer.status !== 200 || !answer.said || !answer.said.token) return "failed";
        // Those who serve no more and had this phone too are `also`.
        return next({ users: [answer.said.me].concat(answer.said.also || []), token: answer.said.token, tried: {}, held: {}, i: 0, failed: false });
      });
    });
  }
  // Resolves to done, again, offline, failed, login or other. Only one tab sends.
  function send() {
    var locks = scope.navigator.locks;
    return (locks ? locks.request("yinghu-records", pass) : pass()).then(function (state) {
      tell({ say: "ended", state: state });
      return state;
    });
  }
  scope.yinghuQueue = {
    open: open, add: add, all: all, drop: drop, send: send, isWaiting: isWaiting, isSettled: isSettled,
    listen: function (listener) { listeners.push(listener); }
  };
})(self);
