// Comforts of the console. Every page works without this file.
(() => {
  "use strict";
  const doc = document;
  doc.documentElement.classList.add("js");
  const all = (selector, root = doc) => [...root.querySelectorAll(selector)];
  const typing = (element) => element instanceof HTMLElement && (element.isContentEditable || /^(INPUT|SELECT|TEXTAREA)$/.test(element.tagName));

  // Copy buttons: data-copy names the element whose value or text is copied.
  doc.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const source = doc.getElementById(button.dataset.copy);
    const label = button.querySelector("span");
    const before = label.textContent;
    try {
      await navigator.clipboard.writeText(source.value ?? source.textContent);
      label.textContent = "Copied";
    } catch {
      // Without a secure context there is no clipboard; selecting is the next best.
      if (source.select) source.select(); else getSelection().selectAllChildren(source);
      label.textContent = "Press Ctrl C";
    }
    setTimeout(() => { label.textContent = before; }, 1600);
  });

  // Selects that act at once.
  doc.addEventListener("change", (event) => {
    if (event.target.matches("select[data-autosubmit]") && event.target.value) event.target.form.requestSubmit();
  });

  // A destructive act waits until its object's name is typed.
  for (const form of all("form[data-confirm]")) {
    const input = form.querySelector("input[name=name]");
    const button = form.querySelector("button[type=submit]");
    const check = () => { button.disabled = input.value.trim() !== form.dataset.confirm.trim(); };
    input.addEventListener("input", check);
    check();
  }

  // Parts of a form that only matter while a select is empty.
  for (const part of all("[data-when-empty]")) {
    const select = doc.getElementById(part.dataset.whenEmpty);
    const check = () => { part.hidden = part.disabled = select.value !== ""; };
    select.addEventListener("change", check);
    check();
  }

  // One submission per page: the server tells repeats apart as well.
  doc.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || form.hasAttribute("hx-post")) return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
  });
  addEventListener("pageshow", () => all("form[data-sent]").forEach((form) => delete form.dataset.sent));

  // Relative times, in the words of the server.
  const relative = (at, now) => {
    const seconds = Math.floor(now / 1000) - Math.floor(at / 1000);
    const distance = Math.abs(seconds);
    if (distance < 10) return "just now";
    if (2592000 <= distance) return null;
    const days = Math.floor(distance / 86400);
    const span = distance < 60 ? `${distance} s` : distance < 3600 ? `${Math.floor(distance / 60)} min`
      : distance < 86400 ? `${Math.floor(distance / 3600)} h` : `${days} day${days === 1 ? "" : "s"}`;
    return seconds < 0 ? `in ${span}` : `${span} ago`;
  };
  setInterval(() => {
    if (doc.hidden) return;
    for (const time of all("time[data-relative]")) {
      const text = relative(Date.parse(time.dateTime), Date.now());
      if (text && text !== time.textContent) time.textContent = text;
    }
  }, 15000);

  // Polled parts rest while nobody looks, and never move under the keyboard or a selection.
  doc.addEventListener("htmx:beforeRequest", (event) => {
    const part = event.detail.elt;
    if (!part.matches("[data-poll]")) return;
    const selection = getSelection();
    const selecting = selection && !selection.isCollapsed && part.contains(selection.anchorNode);
    if (doc.hidden || selecting || part.contains(doc.activeElement)) event.preventDefault();
  });
  let open = [];
  let scrolled = [];
  doc.addEventListener("htmx:beforeSwap", (event) => {
    open = all("details[open][id]", event.detail.target).map((details) => details.id);
    scrolled = all(".scroll", event.detail.target).map((box) => [box.scrollLeft, box.scrollTop]);
  });
  doc.addEventListener("htmx:afterSwap", (event) => {
    for (const id of open) { const details = doc.getElementById(id); if (details) details.open = true; }
    all(".scroll", event.detail.target).forEach((box, index) => { [box.scrollLeft, box.scrollTop] = scrolled[index] ?? [0, 0]; });
  });
  // A session that ended while the page was open: an ordinary visit asks for the password.
  doc.addEventListener("htmx:responseError", (event) => { if (event.detail.xhr.status === 401) location.reload(); });

  // Command palette and shortcuts over the links of the navigation.
  const places = all(".sidebar nav a[data-shortcut]").map((link) => ({ text: link.textContent.trim(), href: link.href, key: link.dataset.shortcut }));
  const deeds = all("main a.button.primary[href]").map((link) => ({ text: link.textContent.trim(), href: link.href, key: "" }));
  let palette;
  const openPalette = () => {
    if (!places.length) return;
    palette ??= buildPalette();
    palette.show();
  };
  const buildPalette = () => {
    const dialog = doc.createElement("dialog");
    dialog.className = "palette";
    dialog.setAttribute("aria-label", "Go to");
    const input = doc.createElement("input");
    input.type = "text";
    input.placeholder = "Go to…";
    input.setAttribute("role", "combobox");
    input.setAttribute("aria-label", "Go to");
    input.setAttribute("aria-expanded", "true");
    input.setAttribute("aria-controls", "palette-list");
    input.autocomplete = "off";
    const list = doc.createElement("ul");
    list.id = "palette-list";
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", "Places");
    dialog.append(input, list);
    doc.body.append(dialog);
    let found = [];
    let at = 0;
    const mark = () => {
      all("li[role=option]", list).forEach((item, index) => item.setAttribute("aria-selected", String(index === at)));
      const item = list.children[at];
      if (item?.id) { input.setAttribute("aria-activedescendant", item.id); item.scrollIntoView({ block: "nearest" }); }
    };
    const fill = () => {
      const wanted = input.value.trim().toLowerCase();
      found = [...deeds, ...places].filter((place) => place.text.toLowerCase().includes(wanted));
      at = 0;
      list.replaceChildren(...found.map((place, index) => {
        const item = doc.createElement("li");
        item.id = `palette-${index}`;
        item.setAttribute("role", "option");
        item.append(place.text);
        if (place.key) {
          const keys = doc.createElement("kbd");
          keys.textContent = `g ${place.key}`;
          item.append(keys);
        }
        item.addEventListener("click", () => { location.href = place.href; });
        item.addEventListener("pointermove", () => { at = index; mark(); });
        return item;
      }));
      if (!found.length) {
        const none = doc.createElement("li");
        none.className = "none";
        none.textContent = "Nothing of that name";
        list.append(none);
      }
      mark();
    };
    input.addEventListener("input", fill);
    input.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step && found.length) { at = (at + step + found.length) % found.length; mark(); event.preventDefault(); }
      if (event.key === "Enter" && found[at]) { location.href = found[at].href; event.preventDefault(); }
    });
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    return { show: () => { if (dialog.open) { dialog.close(); return; } input.value = ""; fill(); dialog.showModal(); input.focus(); } };
  };
  doc.addEventListener("click", (event) => { if (event.target.closest("[data-palette]")) openPalette(); });
  let afterG = 0;
  doc.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") { event.preventDefault(); openPalette(); return; }
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (event.key === "/") {
      const search = doc.querySelector("[data-search]");
      if (search) { event.preventDefault(); search.focus(); search.select(); }
    } else if (event.key === "?") {
      openPalette();
    } else if (event.key === "g") {
      afterG = Date.now();
    } else if (Date.now() - afterG < 1200) {
      afterG = 0;
      const place = places.find((one) => one.key === event.key);
      if (place) location.href = place.href;
    }
  });
})();
