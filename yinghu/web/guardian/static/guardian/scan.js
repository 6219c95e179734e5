// Scans a strip with the camera where the browser can read QR codes. The number can always be typed.
"use strict";
(function () {
  var part = document.querySelector("[data-scan]");
  if (!part || !window.BarcodeDetector || !navigator.mediaDevices) return;
  var button = part.querySelector("button");
  var video = part.querySelector("video");
  var status = part.querySelector("[role=status]");
  var number = document.getElementById("id_number");
  var garment = document.getElementById("id_garment");
  var detector = null;
  var stream = null;

  function say(name) { status.textContent = status.dataset[name]; }
  function stop() {
    if (stream) stream.getTracks().forEach(function (track) { track.stop(); });
    stream = null;
    video.hidden = true;
    button.hidden = false;
  }
  function take(text) {
    if (!/\/g\/[a-z2-7]{24}\/?$/.test(text)) { say("foreign"); return false; }
    number.value = text;
    stop();
    say("found");
    if (navigator.vibrate) navigator.vibrate(80);
    garment.focus();
    return true;
  }
  function look() {
    if (!stream) return;
    detector.detect(video).then(function (codes) {
      if (!stream || (codes.length && take(codes[0].rawValue))) return;
      window.setTimeout(look, 150);
    }, function () { window.setTimeout(look, 300); });
  }
  function start() {
    var wish = { video: { facingMode: "environment" } };
    navigator.mediaDevices.getUserMedia(wish).then(function (given) {
      stream = given;
      video.srcObject = given;
      video.hidden = false;
      button.hidden = true;
      say("ready");
      return video.play();
    }).then(look, function () { stop(); say("blocked"); });
  }

  window.BarcodeDetector.getSupportedFormats().then(function (formats) {
    if (formats.indexOf("qr_code") < 0) return;
    detector = new window.BarcodeDetector({ formats: ["qr_code"] });
    part.hidden = false;
    button.addEventListener("click", start);
    window.addEventListener("pagehide", stop);
  });
})();
