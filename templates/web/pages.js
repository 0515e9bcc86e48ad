// Every page works without this script. With it, the parts marked data-part change as things happen, without a reload.
"use strict";
(() => {
  const address = document.body.dataset.live;
  if (!address || !window.EventSource) return;
  const LEAST = 1000, QUIET = 15000;
  let asked = 0, timer = 0, busy = false, again = false;

  // Takes over each part that differs; what has the focus, and what a person opened, stays as it is.
  const take = (text) => {
    const fresh = new DOMParser().parseFromString(text, "text/html");
    const focused = document.activeElement;
    const key = focused && focused !== document.body ? [focused.tagName, focused.getAttribute("href"), focused.id] : null;
    for (const part of document.querySelectorAll("[data-part]")) {
      const other = fresh.getElementById(part.id);
      if (!other || other.innerHTML === part.dataset.was) continue;
      part.dataset.was = other.innerHTML;
      const open = [...part.querySelectorAll("details")].map((one) => one.open);
      const atEnd = [...part.querySelectorAll("pre.log")].map((one) => one.scrollTop + one.clientHeight + 8 >= one.scrollHeight);
      part.replaceChildren(...document.importNode(other, true).childNodes);
      part.querySelectorAll("details").forEach((one, at) => { if (at in open) one.open = open[at]; });
      part.querySelectorAll("pre.log").forEach((one, at) => { if (atEnd[at]) one.scrollTop = one.scrollHeight; });
    }
    if (key && !document.body.contains(focused)) {
      const same = [...document.querySelectorAll(key[0])].find((one) => one.getAttribute("href") === key[1] && one.id === key[2]);
      if (same) same.focus({ preventScroll: true });
    }
  };

  const refresh = async () => {
    timer = 0;
    if (busy) { again = true; return; }
    busy = true;
    asked = Date.now();
    try {
      const answer = await fetch(location.href, { headers: { "rackstart-part": "1" }, cache: "no-store" });
      if (answer.redirected || answer.status === 401) { location.reload(); return; }
      if (answer.ok) take(await answer.text());
    } catch { /* The daemon is away: the stream says when it is back. */ }
    busy = false;
    if (again) { again = false; soon(); }
  };
  const soon = () => { if (!timer) timer = setTimeout(refresh, Math.max(0, asked + LEAST - Date.now())); };

  let stream = null;
  const listen = () => {
    stream = new EventSource(address);
    stream.addEventListener("changed", soon);
    stream.addEventListener("open", () => { if (asked) soon(); });
    stream.addEventListener("bye", () => { stream.close(); soon(); });
  };
  document.addEventListener("visibilitychange", () => {
    if (stream) stream.close();
    if (!document.hidden) { listen(); soon(); }
  });
  // A browser has six connections for one server: a page that nobody sees takes none.
  if (!document.hidden) listen();
  setInterval(() => { if (!document.hidden && Date.now() - asked > QUIET) soon(); }, QUIET);
})();
