// Boxes drawn by mouse, finger or keyboard, kept in the form's number fields; single keys for decisions. All of it works
// without this file too: the fields are typed into.
"use strict";
(() => {
  document.documentElement.classList.add("scripted");
  const byId = (id) => document.getElementById(id);
  const focused = document.querySelector("[data-focus]");
  if (focused) focused.focus();

  const announce = (text) => {
    const place = byId("announce");
    if (place) place.textContent = text;
  };

  const stage = byId("stage");
  const list = byId("box-list");
  const template = byId("box-template");
  const BOXES_MAX = 64;

  if (stage && list && template) {
    const viewer = byId("viewer");
    const size = { width: Number(viewer.dataset.width), height: Number(viewer.dataset.height) };
    const names = ["left", "top", "width", "height"];
    const boxes = [];

    const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
    const field = (box, name) => box.fields.querySelector(`[name=${name}]`);
    const told = (box) =>
      `Box ${boxes.indexOf(box) + 1}: left ${box.left}, top ${box.top}, width ${box.width}, height ${box.height}`;

    const place = (box) => {
      const percent = (n, of) => `${(100 * n) / of}%`;
      box.mark.style.left = percent(box.left, size.width);
      box.mark.style.top = percent(box.top, size.height);
      box.mark.style.width = percent(box.width, size.width);
      box.mark.style.height = percent(box.height, size.height);
      box.mark.setAttribute("aria-label", told(box));
      for (const name of names) field(box, name).value = box[name];
    };

    const set = (box, left, top, width, height) => {
      box.width = Math.round(clamp(width, 1, size.width));
      box.height = Math.round(clamp(height, 1, size.height));
      box.left = Math.round(clamp(left, 0, size.width - box.width));
      box.top = Math.round(clamp(top, 0, size.height - box.height));
      place(box);
    };

    const number = () => {
      boxes.forEach((box, at) => {
        box.mark.firstChild.textContent = at + 1;
        box.fields.querySelector(".box-number").textContent = at + 1;
        box.mark.setAttribute("aria-label", told(box));
      });
    };

    const remove = (box) => {
      const at = boxes.indexOf(box);
      announce(`Box ${at + 1} removed, ${boxes.length - 1} left`);
      box.mark.remove();
      box.fields.remove();
      boxes.splice(at, 1);
      number();
      const next = boxes[Math.min(at, boxes.length - 1)];
      (next ? next.mark : byId("add-box")).focus();
    };

    const keyed = (box, event) => {
      const step = event.ctrlKey ? 1 : Math.max(1, Math.round(size.width / 100));
      const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
      if (event.key === "Delete" || event.key === "Backspace") {
        event.preventDefault();
        remove(box);
      } else if (moves[event.key]) {
        event.preventDefault();
        const [x, y] = moves[event.key];
        if (event.shiftKey) set(box, box.left, box.top, box.width + x, box.height + y);
        else set(box, box.left + x, box.top + y, box.width, box.height);
        announce(told(box));
      }
    };

    const add = (left, top, width, height, fields) => {
      if (boxes.length >= BOXES_MAX) return null;
      const mark = document.createElement("button");
      mark.type = "button";
      mark.className = "box";
      mark.append(document.createElement("span"));
      const own = fields || template.content.firstElementChild.cloneNode(true);
      if (!fields) list.append(own);
      const box = { mark, fields: own, left, top, width, height };
      own.querySelector(".remove").hidden = false;
      own.querySelector(".remove").addEventListener("click", () => remove(box));
      own.addEventListener("change", () => {
        const typed = names.map((name) => Number(field(box, name).value));
        if (typed.every((n) => Number.isFinite(n))) set(box, ...typed);
      });
      mark.addEventListener("keydown", (event) => keyed(box, event));
      boxes.push(box);
      stage.append(mark);
      set(box, left, top, width, height);
      number();
      const details = list.closest("details");
      if (details) details.open = true;
      return box;
    };

    // What the page came with.
    list.querySelectorAll(".no-script").forEach((element) => element.remove());
    for (const fields of [...list.querySelectorAll("fieldset")]) {
      const [left, top, width, height] = names.map((name) => Number(fields.querySelector(`[name=${name}]`).value));
      add(left, top, width, height, fields);
    }

    const at = (event) => {
      const area = stage.getBoundingClientRect();
      return {
        x: clamp(((event.clientX - area.left) / area.width) * size.width, 0, size.width),
        y: clamp(((event.clientY - area.top) / area.height) * size.height, 0, size.height),
      };
    };

    let drag = null;
    stage.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      const start = at(event);
      const box = boxes.find((own) => own.mark.contains(event.target));
      if (box) box.mark.focus();
      drag = box ? { box, start, left: box.left, top: box.top } : { start };
      stage.setPointerCapture(event.pointerId);
    });
    stage.addEventListener("pointermove", (event) => {
      if (!drag) return;
      const { x, y } = at(event);
      if (drag.left !== undefined) {
        set(drag.box, drag.left + x - drag.start.x, drag.top + y - drag.start.y, drag.box.width, drag.box.height);
        return;
      }
      const [width, height] = [Math.abs(x - drag.start.x), Math.abs(y - drag.start.y)];
      if (!drag.box && width + height < size.width / 200) return;
      if (!drag.box) drag.box = add(x, y, 1, 1);
      if (drag.box) set(drag.box, Math.min(x, drag.start.x), Math.min(y, drag.start.y), width, height);
    });
    const drop = () => {
      if (drag && drag.box) {
        drag.box.mark.focus();
        announce(told(drag.box));
      }
      drag = null;
    };
    stage.addEventListener("pointerup", drop);
    stage.addEventListener("pointercancel", drop);
    byId("picture").addEventListener("dragstart", (event) => event.preventDefault());

    const adding = byId("add-box");
    adding.hidden = false;
    adding.addEventListener("click", () => {
      const box = add(size.width * 0.05, size.height * 0.05, size.width * 0.4, size.height * 0.1);
      if (!box) return;
      box.mark.focus();
      announce(`${told(box)}. Arrow keys move it, Shift and arrow keys change its size, Delete removes it`);
    });
  }

  const zoom = byId("zoom");
  if (zoom) {
    zoom.hidden = false;
    zoom.addEventListener("click", () => {
      const isFull = byId("viewer").classList.toggle("full");
      zoom.setAttribute("aria-pressed", String(isFull));
      announce(isFull ? "Full size" : "Fitted to the page");
    });
  }

  // One key each, unless somebody types, or has turned them off.
  const keys = byId("keys-on");
  if (keys) {
    keys.closest("section").hidden = false;
    keys.checked = localStorage.getItem("keys") !== "off";
    keys.addEventListener("change", () => localStorage.setItem("keys", keys.checked ? "on" : "off"));
    document.addEventListener("keydown", (event) => {
      if (!keys.checked || event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
      const types = event.target.closest("input:not([type=radio]):not([type=checkbox]), select, textarea");
      if (types) return;
      const target = document.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
      if (!target || target.hidden) return;
      event.preventDefault();
      target.focus();
      if (target.type !== "radio") target.click();
    });
  }
})();
