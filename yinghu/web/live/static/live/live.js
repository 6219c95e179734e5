// One stream for all tabs of a browser, because browsers allow only six connections to a site. Runs as
// a shared worker that tabs tell what they follow; without shared workers, in the page itself.
"use strict";
(function (scope) {
  var SILENT = 40000;   // ms without data (the heartbeat is 15 s) until the connection counts as dead
  var UNHEARD = 150000; // ms without a message until a tab counts as crashed (hidden tabs send one a minute)
  var AWAY = 300000;    // ms hidden until a tab's topics are dropped, all but alarms
  var GRACE = 300;      // ms before topics are dropped: the next page may want them
  var LOST = 4000;      // ms without a connection until the page says so
  var MOST = 24;        // topics at once; less than `stream_permissions.MAX_TOPICS`
  var ALARMS = "alarms=1";
  var tabs = new Set(), streams = new Map();

  function Stream(me) {
    this.me = me;
    this.source = null;  // the open stream
    this.coming = null;  // the stream being opened; `source` goes on until then
    this.at = new Map(); // key -> { mark, told }: last mark received, and when
    this.wait = 500;
    this.heard = 0;
    this.lostAt = Date.now();
    this.timer = 0;
  }
  Stream.prototype.tabs = function () {
    var me = this.me;
    return Array.from(tabs).filter(function (tab) { return tab.me === me; });
  };
  // The topics of the stream, open or opening.
  Stream.prototype.keys = function () { return (this.coming || this.source || { follows: [] }).follows; };
  Stream.prototype.wanted = function () {
    var found = new Map();
    this.tabs().sort(function (a, b) { return b.shown - a.shown; })
      .forEach(function (tab) {
        tab.wants.forEach(function (want) {
          if (tab.away && want.key !== ALARMS) return;
          var same = found.get(want.key);
          // Of pages made at different marks, no mark says what all of them missed.
          if (same) same.mark = same.mark === want.mark ? same.mark : "";
          else if (found.size < MOST) found.set(want.key, { version: want.version, mark: want.mark });
        });
      });
    return found;
  };
  // Open another stream if the tabs want other topics.
  Stream.prototype.plan = function (now) {
    var self = this, wanted = Array.from(this.wanted().keys()), keys = this.keys();
    var more = wanted.some(function (key) { return keys.indexOf(key) < 0; });
    var fewer = keys.some(function (key) { return wanted.indexOf(key) < 0; });
    clearTimeout(this.timer);
    if (more) this.timer = setTimeout(function () { self.open(); }, now || 10);
    else if (fewer || !wanted.length) this.timer = setTimeout(function () { self.open(); }, GRACE);
    else if (!this.source && !this.coming && wanted.length) this.timer = setTimeout(function () { self.open(); }, now || 10);
  };
  Stream.prototype.open = function () {
    var self = this, wanted = this.wanted();
    clearTimeout(this.timer);
    if (this.coming) this.coming.close();
    this.coming = null;
    if (!wanted.size) {
      if (this.source) this.source.close();
      streams.delete(this.me);
      return;
    }
    var query = new URLSearchParams();
    if (this.me) query.set("me", this.me);
    wanted.forEach(function (want, key) {
      var is = key.indexOf("="), at = self.at.get(key);
      query.append(key.slice(0, is), [key.slice(is + 1), want.version, at ? at.mark : want.mark].join("~").replace(/~+$/, ""));
    });
    var source = new EventSource("/live?" + query);
    source.follows = Array.from(wanted.keys());
    this.coming = source;
    source.onopen = function () {
      var before = self.source;
      if (self.coming !== source) { source.close(); return; }
      self.coming = null;
      self.source = source;
      if (before) before.close();
      self.at.forEach(function (at, key) { if (source.follows.indexOf(key) < 0) self.at.delete(key); });
      self.wait = 500;
      self.heard = Date.now();
      self.lostAt = 0;
      self.state();
      self.plan();
    };
    source.onerror = function () { self.failed(source); };
    ["desk", "badges", "alarms", "notices", "case", "viewers", "here"].forEach(function (name) {
      source.addEventListener(name, function (event) { self.hear(source, name, event); });
    });
    setTimeout(function () { if (self.coming === source) self.failed(source); }, 20000);
  };
  Stream.prototype.failed = function (source) {
    var self = this;
    source.close();
    if (source !== this.source && source !== this.coming) return;
    if (source === this.source) this.source = null;
    if (source === this.coming) this.coming = null;
    if (!this.source && !this.lostAt) this.lostAt = Date.now();
    if (this.coming) return;
    // Spread reconnections after a restart of the server.
    clearTimeout(this.timer);
    this.timer = setTimeout(function () { self.open(); }, this.wait * (0.5 + Math.random()));
    this.wait = Math.min(this.wait * 2, 5000);
    this.state();
    setTimeout(function () { self.state(); }, LOST + 50);
  };
  Stream.prototype.hear = function (source, name, event) {
    if (source !== this.source && source !== this.coming) return;
    this.heard = Date.now();
    var data = JSON.parse(event.data), told = name + " " + (data.key || "");
    var self = this, now = Date.now();
    source.follows.forEach(function (key) {
      self.at.set(key, Object.assign(self.at.get(key) || { told: 0 }, { mark: event.lastEventId }));
    });
    if (name === "here") return;
    this.tabs().forEach(function (tab) {
      tab.wants.forEach(function (want) {
        if (!want.tells[told]) return;
        (self.at.get(want.key) || {}).told = now;
        // An alarm sounds in hidden tabs too: people work in other windows.
        if (tab.hidden && want.key !== ALARMS) tab.missed[name] = data.spread;
        else tab.port.postMessage({ say: "look", name: name, spread: data.spread });
      });
    });
  };
  Stream.prototype.state = function () {
    var lost = !!this.lostAt && Date.now() - this.lostAt >= LOST, live = !!this.source;
    this.tabs().forEach(function (tab) {
      if (tab.state !== lost + " " + live) tab.port.postMessage({ say: "state", lost: lost, live: live });
      tab.state = lost + " " + live;
    });
  };

  // key -> its possible events, as `name key`.
  function tells(kind, name) {
    var found = {};
    (kind === "desk" ? ["desk " + name] : kind === "badges" || kind === "alarms" || kind === "notices" ? [kind + " "] : kind === "t" ? ["case " + name] : ["case " + name, "viewers " + name])
      .forEach(function (told) { found[told] = true; });
    return found;
  }
  function streamOf(me) {
    if (!streams.has(me)) streams.set(me, new Stream(me));
    return streams.get(me);
  }
  function follow(tab, said) {
    var before = tab.me;
    tab.me = said.me;
    tab.hidden = said.hidden;
    tab.away = false;
    tab.shown = Date.now();
    tab.wants = said.wants.map(function (want) {
      return { key: want.kind + "=" + want.name, version: want.version, mark: said.mark, tells: tells(want.kind, want.name) };
    });
    tabs.add(tab);
    if (before !== null && before !== tab.me && streams.has(before)) streams.get(before).plan();
    var stream = streamOf(tab.me);
    // A topic of another tab is not requested again, but this page has missed its earlier events.
    tab.wants.forEach(function (want) {
      var at = stream.source && stream.source.follows.indexOf(want.key) >= 0 && stream.at.get(want.key);
      if (!at || at.told < said.since) return;
      Object.keys(want.tells).forEach(function (told) {
        tab.port.postMessage({ say: "look", name: told.split(" ")[0], spread: 0 });
      });
    });
    tab.state = "";
    stream.state();
    stream.plan();
  }
  function show(tab) {
    var missed = tab.missed;
    tab.hidden = false;
    tab.missed = {};
    tab.shown = Date.now();
    if (tab.away) {
      tab.away = false;
      Object.assign(missed, tab.wants.reduce(function (all, want) {
        Object.keys(want.tells).forEach(function (told) { all[told.split(" ")[0]] = 0; });
        return all;
      }, {}));
    }
    Object.keys(missed).forEach(function (name) {
      tab.port.postMessage({ say: "look", name: name, spread: missed[name] });
    });
    streamOf(tab.me).plan();
  }
  function leave(tab) {
    tabs.delete(tab);
    if (streams.has(tab.me)) streams.get(tab.me).plan();
  }

  scope.yinghuConnect = function (port) {
    var tab = { port: port, me: null, wants: [], hidden: false, away: false, shown: 0, missed: {}, state: "", heard: Date.now() };
    port.onmessage = function (event) {
      var said = event.data;
      tab.heard = Date.now();
      if (said.say === "follow") follow(tab, said);
      else if (said.say === "bye") leave(tab);
      else if (said.say === "hidden") { tab.hidden = true; tab.shown = Date.now(); }
      else if (said.say === "shown") {
        if (!tabs.has(tab)) { tab.away = true; tabs.add(tab); }
        show(tab);
      } else if (said.say === "online") streams.forEach(function (stream) {
        if (!stream.source) { stream.wait = 500; stream.open(); }
      });
    };
  };
  setInterval(function () {
    var now = Date.now();
    tabs.forEach(function (tab) {
      if (now - tab.heard > UNHEARD) { leave(tab); return; }
      if (tab.hidden && !tab.away && now - tab.shown > AWAY) { tab.away = true; streamOf(tab.me).plan(); }
    });
    streams.forEach(function (stream) {
      if (stream.source && now - stream.heard > SILENT) stream.failed(stream.source);
      stream.state();
    });
  }, 5000);
  if (scope.SharedWorkerGlobalScope) scope.onconnect = function (event) { scope.yinghuConnect(event.ports[0]); };
})(self);
