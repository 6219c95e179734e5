// Saving a tracking link that is shown only once: copy it, share it, or download it as a picture.
// Without this file the page still shows the link and its QR code.
"use strict";
(function () {
  var note = document.getElementById("keep-said");
  function said(what) { note.textContent = note.dataset[what]; }
  function on(selector, act) {
    document.addEventListener("click", function (event) {
      var found = event.target.closest(selector);
      if (found) act(found);
    });
  }
  on("[data-copy]", function (button) {
    var field = document.getElementById(button.dataset.copy);
    function old() {
      field.select();
      said(document.execCommand("copy") ? "copied" : "notCopied");
    }
    if (navigator.clipboard) navigator.clipboard.writeText(field.value).then(function () { said("copied"); }, old);
    else old();
  });
  document.querySelectorAll("[data-share]").forEach(function (button) { button.hidden = !navigator.share; });
  on("[data-share]", function (button) {
    navigator.share({ title: button.dataset.title, url: button.dataset.share }).catch(function () { /* closed without sharing */ });
  });
  on("[data-save]", function (button) {
    var qr = document.getElementById(button.dataset.save), canvas = document.createElement("canvas"), pen = canvas.getContext("2d");
    canvas.width = 640;
    canvas.height = 820;
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, 640, 820);
    pen.drawImage(qr, 60, 150, 520, 520);
    pen.fillStyle = "#10302e";
    pen.textAlign = "center";
    pen.font = "600 44px sans-serif";
    pen.fillText(button.dataset.name, 320, 90);
    pen.font = "700 56px sans-serif";
    pen.fillText(button.dataset.number, 320, 750);
    var link = document.createElement("a");
    link.download = "yinghu-" + button.dataset.number + ".png";
    link.href = canvas.toDataURL("image/png");
    // Chat apps block downloads; there a long press on the picture saves it.
    qr.style.height = "auto";
    qr.src = link.href;
    link.click();
    said("saved");
  });
})();
