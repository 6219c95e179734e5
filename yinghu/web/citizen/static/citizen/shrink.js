// Resizes photos for slow networks, before they are sent.
"use strict";
(function () {
  var MAX_SIDE = 1600, QUALITY = 0.82, MAX_BYTES = 12 * 1024 * 1024;
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
  window.yinghuShrink = function (file) {
    return kindOf(file).then(function (kind) {
      return resized(file, kind).then(function (small) {
        return typeof small !== "string" && small.size > MAX_BYTES ? "photoBig" : small;
      });
    });
  };
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
})();
