// Shopping list: sum of the ticked items, and printing.
"use strict";
(function () {
  var form = document.getElementById("shopping");
  if (!form) return;
  var total = form.querySelector("[data-total]"), sum = form.querySelector("[data-sum]");
  function add() {
    var cents = 0, typed = false;
    form.querySelectorAll(".shop-line").forEach(function (line) {
      var tick = line.querySelector("input[name=tick]"), price = line.querySelector("[data-price]");
      var value = price && parseFloat(price.value.replace(/[,，]/, "."));
      if (!tick || !tick.checked || !isFinite(value)) return;
      typed = true;
      cents += Math.round(value * 100);
    });
    total.hidden = !typed;
    sum.textContent = (cents / 100).toFixed(2);
  }
  form.addEventListener("input", function (event) {
    // Entering a price ticks the item.
    if (event.target.matches("[data-price]") && event.target.value) {
      event.target.closest(".shop-line").querySelector("input[name=tick]").checked = true;
    }
    add();
  });
  add();
  document.querySelectorAll("[data-print]").forEach(function (button) {
    button.hidden = false;
    button.addEventListener("click", function () { window.print(); });
  });
})();
