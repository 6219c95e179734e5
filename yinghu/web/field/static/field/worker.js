// Service worker: serves cached pages of /field offline, and nothing else; tells when a form was not
// sent. The cache belongs to one login and is deleted at logout. `/sw.js` loads it with its settings.
"use strict";
(function () {
  var knows = self.yinghuPhone, SHELL = "yinghu-shell-" + knows.version, PAGES = "yinghu-pages-";
  var SLOW = 6000; // ms after which a cached page is shown
  var epoch = 0;   // counts deletions of the cache: answers to earlier requests are not cached
  var HASH = /\.[0-9a-f]{12}(\.[a-z0-9]+)$/;
  var shell = new Set(knows.shell), named = new Map();
  knows.shell.forEach(function (path) { named.set(path.replace(HASH, "$1"), path); });

  self.addEventListener("install", function (event) {
    self.skipWaiting();
    event.waitUntil(caches.open(SHELL).then(function (cache) {
      return cache.addAll(knows.shell.concat([knows.offline, knows.unsent]));
    }));
  });
  self.addEventListener("activate", function (event) {
    event.waitUntil(caches.keys().then(function (names) {
      return Promise.all(names.filter(function (name) {
        return name.indexOf("yinghu-shell-") === 0 && name !== SHELL;
      }).map(function (name) { return caches.delete(name); }));
    }).then(function () { return self.clients.claim(); }));
  });

  // ---- caches per login
  function others(me) {
    return caches.keys().then(function (names) {
      return Promise.all(names.filter(function (name) {
        return name.indexOf(PAGES) === 0 && name !== PAGES + me;
      }).map(function (name) { return caches.delete(name); }));
    });
  }
  function forget() {
    epoch += 1;
    return others("");
  }
  function find(path) {
    return caches.keys().then(function (names) {
      var name = names.find(function (each) { return each.indexOf(PAGES) === 0; });
      return name && caches.open(name).then(function (cache) {
        return cache.match(path).then(function (kept) {
          if (!kept || Date.now() - Number(kept.headers.get("X-Kept-At")) < knows.hours * 3600000) return kept;
          return cache.delete(path).then(function () { return undefined; });
        });
      });
    });
  }
  function isKept(path) { return path === knows.pages || path.indexOf(knows.pages + "/") === 0; }
  function isHtml(answer) { return /^text\/html/.test(answer.headers.get("Content-Type") || ""); }

  // Cache pages of a logged-in user; delete a page that the user may no longer see.
  function keep(path, answer, since) {
    if ([403, 404, 410].indexOf(answer.status) >= 0) {
      return caches.keys().then(function (names) {
        return Promise.all(names.filter(function (name) { return name.indexOf(PAGES) === 0; }).map(function (name) {
          return caches.open(name).then(function (cache) { return cache.delete(path); });
        }));
      });
    }
    if (answer.status !== 200 || answer.redirected || answer.type !== "basic" || !isHtml(answer)) return Promise.resolve();
    return answer.text().then(function (text) {
      var me = /<header\b[^>]*\bdata-me="(\d+)"/.exec(text);
      if (!me || since !== epoch) return null;
      var headers = new Headers({ "Content-Type": "text/html; charset=utf-8", "X-Kept-At": String(Date.now()) });
      ["Content-Security-Policy", "Referrer-Policy", "X-Frame-Options"].forEach(function (name) {
        if (answer.headers.has(name)) headers.set(name, answer.headers.get(name));
      });
      return others(me[1]).then(function () { return caches.open(PAGES + me[1]); }).then(function (cache) {
        return cache.put(path, new Response(text, { headers: headers })).then(function () { return trim(cache); });
      });
    });
  }
  function trim(cache) {
    return cache.keys().then(function (keys) {
      // Keys are in insertion order.
      return Promise.all(keys.slice(0, Math.max(0, keys.length - knows.most)).map(function (key) { return cache.delete(key); }));
    });
  }
  function shown(kept) {
    return kept.text().then(function (text) {
      return new Response(text.replace("<html ", '<html data-kept-at="' + kept.headers.get("X-Kept-At") + '" '), { headers: kept.headers });
    });
  }
  function page(event, path) {
    var since = epoch, came = fetch(event.request).then(function (answer) {
      event.waitUntil(keep(path, answer.clone(), since));
      return answer;
    });
    var none = came.then(function (answer) { return answer.status >= 500 ? null : answer; }, function () { return null; });
    return find(path).then(function (kept) {
      if (!kept) return came;
      return Promise.race([none, new Promise(function (late) { setTimeout(late, SLOW, null); })]).then(function (answer) {
        return answer || (since === epoch ? shown(kept) : came);
      });
    }).catch(function () {
      return caches.match(knows.offline).then(function (words) { return words || Response.error(); });
    });
  }

  // Taking a leg needs the server; offline, show that it was not sent.
  function taking(request) {
    return fetch(request).catch(function () {
      return caches.match(knows.unsent).then(function (words) { return words || Response.error(); });
    });
  }

  // ---- static files
  function file(event, path) {
    var request = event.request;
    if (shell.has(path) && !knows.fresh) {
      return caches.match(path, { cacheName: SHELL }).then(function (found) { return found || fetch(request); });
    }
    // A page cached before an update refers to old file names: serve the current ones.
    return fetch(request).catch(function () {
      return caches.match(named.get(path.replace(HASH, "$1")), { cacheName: SHELL }).then(function (found) { return found || Response.error(); });
    });
  }
  // Photos of tasks are cached with the pages.
  function picture(event, path) {
    var since = epoch;
    return fetch(event.request).then(function (answer) {
      if (answer.ok) event.waitUntil(keepPicture(path, answer.clone(), since));
      return answer;
    }).catch(function () {
      return find(path).then(function (kept) { return kept || Response.error(); });
    });
  }
  function keepPicture(path, answer, since) {
    return Promise.all([answer.blob(), caches.keys()]).then(function (both) {
      var name = both[1].find(function (each) { return each.indexOf(PAGES) === 0; });
      if (!name || since !== epoch) return null;
      var headers = { "Content-Type": "image/jpeg", "X-Kept-At": String(Date.now()) };
      return caches.open(name).then(function (cache) {
        return cache.put(path, new Response(both[0], { headers: headers })).then(function () { return trim(cache); });
      });
    });
  }
  // Outlines of areas, for the map; public data.
  function outline(event) {
    return fetch(event.request).then(function (answer) {
      if (!answer.ok) return answer;
      var copy = answer.clone();
      event.waitUntil(caches.open(SHELL).then(function (cache) { return cache.put(event.request.url, copy); }));
      return answer;
    }).catch(function () {
      return caches.match(event.request.url).then(function (found) { return found || Response.error(); });
    });
  }

  self.addEventListener("fetch", function (event) {
    var request = event.request, url = new URL(request.url), path = url.pathname;
    if (url.origin !== self.location.origin) return;
    if (request.method !== "GET") {
      // A login begins or ends: the next user must not see the cached pages.
      if (knows.logins.some(function (each) { return path.indexOf(each) === 0; })) event.waitUntil(forget());
      if (request.mode === "navigate" && isKept(path) && /\/take$/.test(path)) event.respondWith(taking(request));
      return;
    }
    if (request.mode === "navigate") {
      if (isKept(path) && path !== knows.offline) event.respondWith(page(event, path));
    } else if (named.has(path.replace(HASH, "$1"))) {
      event.respondWith(file(event, path));
    } else if (isKept(path) && /\/photo\/\d+$/.test(path)) {
      event.respondWith(picture(event, path));
    } else if (/^\/geo\/[^/]+\.json$/.test(path) && isKept(new URL(request.referrer || request.url).pathname)) {
      event.respondWith(outline(event));
    }
  });

  // ---- messages from pages
  function fetched(paths, anew) {
    return paths.reduce(function (before, path) {
      return before.then(function () {
        if (!isKept(path)) return null;
        return find(path).then(function (kept) {
          var since = epoch;
          if (anew ? !kept : kept) return null;
          return fetch(path, { credentials: "same-origin", redirect: "manual" }).then(function (answer) {
            return keep(path, answer, since);
          });
        });
      });
    }, Promise.resolve()).catch(function () { /* no network: retried later */ });
  }
  self.addEventListener("message", function (event) {
    var what = event.data || {};
    if (what.say === "keep") event.waitUntil(fetched(what.paths.slice(0, knows.most), what.anew));
    if (what.say === "forget") event.waitUntil(forget());
  });
  // Refresh the cached page of a leg after sending in the background: a finished leg shows no phone number.
  var syncing = 0;
  self.yinghuQueue.listen(function (what) {
    if (syncing && what.say === "sent") fetched([knows.pages + "/-/leg/" + what.leg], true);
  });
  self.addEventListener("sync", function (event) {
    if (event.tag !== "yinghu-records") return;
    syncing += 1;
    event.waitUntil(self.yinghuQueue.send().finally(function () { syncing -= 1; }).then(function (state) {
      // The browser retries a failed sync later.
      if (state === "offline" || state === "failed") throw new Error(state);
    }));
  });
})();
