// Search fields instead of long lists: by word, part of a word or pinyin initials.
//   <select data-picker> with options that may carry data-initials
//   <input data-find> before boxes to tick; <input data-quick="[[label, minutes or a time]]" data-now>
//   <input data-areas="ADDRESS">, which answers ?q= with [{code, name, under}]
// Without this file, selects and check boxes work normally, and areas are typed by name or code.
"use strict";
(function () {
  var counter = 0;

  function nameOf(input) {
    var label = input.id && document.querySelector('label[for="' + input.id + '"]');
    return input.getAttribute("aria-label") || label && label.firstChild.textContent.trim() || input.placeholder;
  }
  function listOf(input) {
    var list = document.createElement("ul");
    list.className = "picker-list";
    list.id = "picker-" + (counter += 1);
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", nameOf(input) || "");
    list.hidden = true;
    input.setAttribute("role", "combobox");
    input.setAttribute("aria-expanded", "false");
    input.setAttribute("aria-controls", list.id);
    input.setAttribute("aria-autocomplete", "list");
    input.autocomplete = "off";
    return list;
  }

  // `find(text, show)` looks for items {value, text, note}; `choose(item)` selects one.
  function combobox(input, list, find, choose) {
    var items = [], at = -1, typed = false, coming = false, wanted = false;
    function close() {
      list.hidden = true;
      at = -1;
      typed = coming = wanted = false;
      input.setAttribute("aria-expanded", "false");
      input.removeAttribute("aria-activedescendant");
    }
    function mark(next) {
      at = next;
      Array.from(list.children).forEach(function (row, index) {
        row.setAttribute("aria-selected", String(index === at));
        if (index === at) row.scrollIntoView({ block: "nearest" });
      });
      if (at >= 0) input.setAttribute("aria-activedescendant", list.children[at].id);
      else input.removeAttribute("aria-activedescendant");
    }
    function look(text) {
      coming = !!text;
      find(text, show);
    }
    function show(found) {
      coming = false;
      items = found;
      list.replaceChildren.apply(list, items.map(function (item, index) {
        var row = document.createElement("li");
        row.id = list.id + "-" + index;
        row.setAttribute("role", "option");
        row.textContent = item.text;
        if (item.note) {
          var note = document.createElement("small");
          note.textContent = item.note;
          row.append(" ", note);
        }
        // The field keeps the focus; scrolling by touch chooses nothing.
        row.addEventListener("mousedown", function (event) { event.preventDefault(); });
        row.addEventListener("click", function () { take(index); });
        return row;
      }));
      list.hidden = !items.length;
      input.setAttribute("aria-expanded", String(!list.hidden));
      mark(items.length && typed ? 0 : -1);
      if (wanted && items.length) take(0);
      wanted = false;
    }
    function take(index) {
      choose(items[index]);
      close();
      input.dispatchEvent(new Event("picked", { bubbles: true }));
    }
    input.addEventListener("input", function () { typed = true; look(input.value.trim()); });
    input.addEventListener("focus", function () { if (input.dataset.open !== undefined) look(""); });
    input.addEventListener("blur", close);
    input.addEventListener("keydown", function (event) {
      if (event.key === "ArrowDown" && list.hidden) { look(input.value.trim()); event.preventDefault(); return; }
      // Enter before the answer: choose its first item.
      if (event.key === "Enter" && coming) { wanted = true; event.preventDefault(); return; }
      if (list.hidden) return;
      if (event.key === "Tab") { if (typed && at >= 0) take(at); return; }
      if (event.key === "ArrowDown") mark(Math.min(at + 1, items.length - 1));
      else if (event.key === "ArrowUp") mark(Math.max(at - 1, 0));
      else if (event.key === "Home" && at >= 0) mark(0);
      else if (event.key === "End" && at >= 0) mark(items.length - 1);
      else if (event.key === "Enter" && at >= 0) take(at);
      else if (event.key === "Escape") close();
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
  }

  function fits(option, text) {
    return option.text.toLowerCase().indexOf(text) >= 0 || option.value.toLowerCase().indexOf(text) === 0
      || (option.dataset.initials || "").indexOf(text) >= 0;
  }
  function rank(option, text) {
    if (option.text.toLowerCase().indexOf(text) === 0) return 0;
    return (option.dataset.initials || "").indexOf(text) === 0 ? 1 : 2;
  }

  function enhanceSelect(select) {
    var box = document.createElement("div"), input = document.createElement("input");
    box.className = "picker";
    input.type = "text";
    input.dir = "auto";
    input.className = select.className.replace("form-select", "form-select form-control");
    input.dataset.open = "";
    input.id = select.id;
    ["aria-describedby", "aria-invalid", "data-focus"].forEach(function (name) {
      if (select.hasAttribute(name)) input.setAttribute(name, select.getAttribute(name));
    });
    if (select.hasAttribute("aria-label")) input.setAttribute("aria-label", select.getAttribute("aria-label"));
    var list = listOf(input), empty = select.options[0] && !select.options[0].value ? select.options[0].text : "";
    input.placeholder = empty;
    select.id = select.id + "-select";
    select.before(box);
    box.append(input, list, select);
    // The select stays in the form, but browsers cannot validate a hidden field.
    select.hidden = true;
    if (select.required) { select.required = false; input.required = true; input.dataset.missing = select.dataset.missing || ""; }
    function sync() {
      var option = select.options[select.selectedIndex];
      input.value = option && option.value ? option.text : "";
      input.defaultValue = input.value;
    }
    sync();
    combobox(input, list, function (text, show) {
      text = text.toLowerCase();
      show(Array.from(select.options).filter(function (option) {
        return option.value && (!text || fits(option, text));
      }).sort(function (a, b) { return text ? rank(a, text) - rank(b, text) : 0; }).map(function (option) {
        return { value: option.value, text: option.text };
      }));
    }, function (item) {
      select.value = item.value;
      input.value = item.text;
      select.dispatchEvent(new Event("change", { bubbles: true }));
    });
    input.addEventListener("focus", function () { input.select(); });
    // Text without a choice is not sent: show the value that is.
    input.addEventListener("blur", function () {
      if (!input.value.trim()) { select.value = ""; select.dispatchEvent(new Event("change", { bubbles: true })); }
      var option = select.options[select.selectedIndex];
      input.value = option && option.value ? option.text : "";
    });
    select.addEventListener("change", function () {
      var option = select.options[select.selectedIndex];
      if (document.activeElement !== input) input.value = option && option.value ? option.text : "";
    });
  }

  function enhanceArea(input) {
    var box = document.createElement("div"), list = listOf(input), asked = 0, last = "";
    box.className = "picker";
    input.before(box);
    box.append(input, list);
    combobox(input, list, function (text, show) {
      clearTimeout(asked);
      last = text;
      if (!text) { show([]); return; }
      asked = setTimeout(function () {
        fetch(input.dataset.areas + "?q=" + encodeURIComponent(text), { credentials: "same-origin" })
          .then(function (answer) { return answer.ok ? answer.json() : []; })
          .then(function (areas) {
            if (text !== last || document.activeElement !== input) return;
            show(areas.map(function (area) {
              return { value: area.code, text: area.name, note: [area.under, area.code].filter(Boolean).join(" · ") };
            }));
          })
          .catch(function () { /* no hints: the user can type the code */ });
      }, 120);
    }, function (item) {
      input.value = item.value + " " + item.text;
      input.dispatchEvent(new Event("change", { bubbles: true }));
    });
  }

  // Check boxes: show those that match the text and those that are ticked.
  function enhanceSeveral(input) {
    var boxes = input.parentElement.querySelectorAll(".choices input");
    input.hidden = false;
    function look() {
      var text = input.value.trim().toLowerCase();
      boxes.forEach(function (box) {
        var label = box.closest("label");
        label.hidden = !!text && !box.checked
          && !fits({ text: label.textContent, value: box.value, dataset: box.dataset }, text);
      });
    }
    input.addEventListener("input", look);
    // Enter must not submit the form.
    input.addEventListener("keydown", function (event) { if (event.key === "Enter") event.preventDefault(); });
  }

  // Deadline buttons: minutes from now, or a time of tomorrow, in local time of the server.
  function enhanceTime(input) {
    var began = Date.now(), here = Date.parse(input.dataset.now + "Z"), row = document.createElement("div");
    row.className = "quick";
    JSON.parse(input.dataset.quick).forEach(function (choice) {
      var button = document.createElement("button");
      button.type = "button";
      button.className = "btn btn-sm";
      button.textContent = choice[0];
      button.addEventListener("click", function () {
        var now = here + Date.now() - began, then = new Date(now + (choice[1] > 0 ? choice[1] * 60000 : 86400000)).toISOString();
        input.value = choice[1] > 0 ? then.slice(0, 16) : then.slice(0, 11) + choice[1];
        input.dispatchEvent(new Event("input", { bubbles: true }));
      });
      row.append(button);
    });
    input.after(row);
    input.removeAttribute("data-quick");
  }

  function enhance(root) {
    root.querySelectorAll("input[data-find]").forEach(function (input) { if (input.hidden) enhanceSeveral(input); });
    root.querySelectorAll("input[data-quick]").forEach(enhanceTime);
    root.querySelectorAll("select[data-picker]").forEach(function (select) {
      if (!select.closest(".picker")) enhanceSelect(select);
    });
    root.querySelectorAll("input[data-areas]").forEach(function (input) {
      if (!input.closest(".picker")) enhanceArea(input);
    });
  }
  document.addEventListener("htmx:load", function (event) { enhance(event.target); });
  enhance(document);
})();
