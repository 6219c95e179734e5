// Maps: outlines and pins, with street tiles only if the city configures a tile server. No other
// server is contacted.
//   <div data-map='{"points": [{lon, lat, label, href, kind}], "area": "330782", "pick": ID,
//     "box": [west, south, east, north], "near": true}'>
// `pick` is the id of the element with the inputs lon and lat; `box` is the initial view;
// `near` shows the points rather than the whole area.
"use strict";
(function () {
  // GCJ-02, in which maps made in China draw, from WGS-84: the published approximation, good to a
  // few metres. Only tiles are drawn in it; what is stored and sent stays WGS-84.
  function shift(lon, lat) {
    var x = lon - 105, y = lat - 35, r = Math.PI / 180;
    var waves = (20 * Math.sin(6 * x * Math.PI) + 20 * Math.sin(2 * x * Math.PI)) * 2 / 3;
    var dy = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * Math.sqrt(Math.abs(x)) + waves
      + (20 * Math.sin(y * Math.PI) + 40 * Math.sin(y / 3 * Math.PI)) * 2 / 3
      + (160 * Math.sin(y / 12 * Math.PI) + 320 * Math.sin(y * Math.PI / 30)) * 2 / 3;
    var dx = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * Math.sqrt(Math.abs(x)) + waves
      + (20 * Math.sin(x * Math.PI) + 40 * Math.sin(x / 3 * Math.PI)) * 2 / 3
      + (150 * Math.sin(x / 12 * Math.PI) + 300 * Math.sin(x / 30 * Math.PI)) * 2 / 3;
    var s = Math.sin(lat * r), magic = 1 - 0.00669342162296594323 * s * s, root = Math.sqrt(magic);
    return [lon + dx * 180 / (6378245 / root * Math.cos(lat * r) * Math.PI),
      lat + dy * 180 / (6378245 * (1 - 0.00669342162296594323) / (magic * root) * Math.PI)];
  }
  var gcj = false;
  function at(lon, lat) { var p = gcj ? shift(lon, lat) : [lon, lat]; return [p[1], p[0]]; }
  function back(latlng) {
    var lon = latlng.lng, lat = latlng.lat;
    for (var i = 0; gcj && i < 3; i += 1) {
      var p = shift(lon, lat);
      lon += latlng.lng - p[0];
      lat += latlng.lat - p[1];
    }
    return [lon, lat];
  }

  // Pixels within which pins lie on each other.
  var STACK = 22;

  // South-west and north-east of the initial view without any area.
  var COUNTRY = [[18, 73], [54, 135]];

  var loading = null;
  function leaflet(box) {
    if (window.L) return Promise.resolve(window.L);
    if (!loading) {
      loading = new Promise(function (resolve, reject) {
        var style = document.createElement("link"), script = document.createElement("script");
        style.rel = "stylesheet";
        style.href = box.dataset.leafletCss;
        script.src = box.dataset.leafletJs;
        script.onload = function () { resolve(window.L); };
        script.onerror = reject;
        document.head.append(style, script);
      });
    }
    return loading;
  }

  function pin(L, kind, label) {
    var dot = document.createElement("span");
    dot.className = "pin pin-" + (kind || "case");
    dot.title = label || "";
    return L.divIcon({ html: dot, className: "pin-box", iconSize: [28, 28], iconAnchor: [14, 26] });
  }

  function draw(L, box) {
    var given = JSON.parse(box.dataset.map), here = null;
    gcj = box.dataset.datum === "gcj02";
    box.replaceChildren();
    var map = L.map(box, { zoomControl: true, attributionControl: !!box.dataset.tiles, scrollWheelZoom: false });
    if (box.dataset.tiles) {
      L.tileLayer(box.dataset.tiles, { maxZoom: 19, attribution: box.dataset.credit || "" }).addTo(map);
      map.attributionControl.setPrefix(false);
    }
    var points = (given.points || []).filter(function (p) { return p.lon !== null && p.lat !== null; });
    var open = function (point) { window.location.assign(point.href); };
    // Pins that lie on each other on the screen: pressing one lists them all.
    var near = function (point) {
      var here = map.latLngToContainerPoint(at(point.lon, point.lat));
      return points.filter(function (other) {
        return other.href && here.distanceTo(map.latLngToContainerPoint(at(other.lon, other.lat))) < STACK;
      });
    };
    var list = function (stack) {
      var box = document.createElement("ul");
      box.className = "pin-stack";
      stack.forEach(function (point) {
        var row = document.createElement("li"), link = document.createElement("a");
        link.href = point.href;
        link.textContent = point.label;
        row.append(link);
        box.append(row);
      });
      L.popup({ autoPanPadding: [16, 16] }).setLatLng(at(stack[0].lon, stack[0].lat)).setContent(box).openOn(map);
    };
    points.forEach(function (point) {
      var marker = L.marker(at(point.lon, point.lat), { icon: pin(L, point.kind, point.label), title: point.label || "", alt: point.label || "", keyboard: !!point.href });
      if (point.label) {
        var label = document.createElement("span");
        label.textContent = point.label;
        marker.bindTooltip(label);
      }
      if (point.href) marker.on("click", function () {
        var stack = near(point);
        if (stack.length > 1) list(stack); else open(point);
      });
      marker.addTo(map);
    });
    function around(bounds) {
      // Without tiles show the whole outline, unless `near`: then zoom in as far as names stay visible.
      if (!box.dataset.tiles && !(given.near && points.length) && bounds && bounds.isValid()) map.fitBounds(bounds, { padding: [8, 8] });
      else if (points.length > 1) map.fitBounds(points.map(function (p) { return at(p.lon, p.lat); }), { padding: [30, 30], maxZoom: box.dataset.tiles ? 16 : 13 });
      else if (points.length) map.setView(at(points[0].lon, points[0].lat), box.dataset.tiles ? 15 : 13);
      else if (bounds && bounds.isValid()) map.fitBounds(bounds, { padding: [8, 8] });
      // A closer view would show too little for orientation.
      else if (given.box) map.fitBounds(cityBox(L), { padding: [8, 8], maxZoom: 13 });
      else map.fitBounds(COUNTRY);
    }
    function cityBox(L) {
      return L.latLngBounds(at(given.box[0], given.box[1]), at(given.box[2], given.box[3]));
    }
    // Hide overlapping names of areas until the map is zoomed in.
    function thin() {
      var shown = [];
      box.querySelectorAll(".area-name").forEach(function (name) {
        name.style.visibility = "";
        var a = name.firstElementChild.getBoundingClientRect();
        var hidden = shown.some(function (b) {
          return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
        });
        if (hidden) name.style.visibility = "hidden"; else shown.push(a);
      });
    }
    around(null);
    if (given.area) {
      fetch("/geo/" + encodeURIComponent(given.area) + ".json", { credentials: "same-origin" })
        .then(function (answer) { return answer.ok ? answer.json() : null; })
        .then(function (geo) {
          if (!geo) return;
          // A city with several counties: all of them.
          var bounds = given.box ? cityBox(L) : L.latLngBounds([]);
          if (geo.outline) {
            var outline = L.geoJSON(geo.outline, {
              interactive: false,
              coordsToLatLng: function (c) { var p = at(c[0], c[1]); return L.latLng(p[0], p[1]); },
              style: { className: "area-outline", weight: 2, fillOpacity: box.dataset.tiles ? 0.02 : 0.08 }
            }).addTo(map);
            bounds.extend(outline.getBounds());
          }
          geo.children.forEach(function (child) {
            bounds.extend(at(child.lon, child.lat));
            var name = document.createElement("span");
            name.textContent = child.name;
            L.marker(at(child.lon, child.lat), { interactive: false, keyboard: false, icon: L.divIcon({ html: name, className: "area-name", iconSize: null }) }).addTo(map);
          });
          if (geo.outline || geo.children.length) around(bounds);
          map.on("zoomend moveend", thin);
          thin();
        })
        .catch(function () { /* no outline: the pins are still shown */ });
    }
    if (given.pick) {
      var form = document.getElementById(given.pick);
      var lon = form.querySelector("[name=lon]"), lat = form.querySelector("[name=lat]");
      var put = function (where, center) {
        if (here) here.setLatLng(at(where[0], where[1]));
        else {
          here = L.marker(at(where[0], where[1]), { icon: pin(L, "me"), draggable: true, keyboard: true, title: box.dataset.here }).addTo(map);
          here.on("dragend", function () { set(back(here.getLatLng())); });
        }
        if (center) map.setView(at(where[0], where[1]), Math.max(map.getZoom(), 15));
      };
      var set = function (where) {
        lon.value = where[0].toFixed(6);
        lat.value = where[1].toFixed(6);
        put(where);
        lon.dispatchEvent(new Event("change", { bubbles: true }));
      };
      map.on("click", function (event) { set(back(event.latlng)); });
      form.addEventListener("yinghu:position", function (event) { put(event.detail, true); });
      if (lon.value && lat.value) put([Number(lon.value), Number(lat.value)], true);
    }
    box.classList.add("is-drawn");
  }

  function show(box) {
    if (box.dataset.drawn) return;
    box.dataset.drawn = "yes";
    leaflet(box).then(function (L) { draw(L, box); }).catch(function () { delete box.dataset.drawn; });
  }
  window.yinghuMap = show;
  function find(root) {
    root.querySelectorAll("[data-map]:not([data-wait])").forEach(show);
  }
  document.addEventListener("htmx:load", function (event) { find(event.target); });
  find(document);
})();
