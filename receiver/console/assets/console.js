// Live pages, keys, and copying. Every page works without this.
"use strict";

const LIVE = "receiver.live";
const live = { stream: null, isOn: sessionStorage.getItem(LIVE) !== "off" };

// --- live: one "changed" event, after which the page asks for itself again -------------------------------------------

function isReading() {
  const selection = getSelection();
  const held = document.activeElement?.closest("#live input, #live textarea, #live select");
  return Boolean(held) || (selection && !selection.isCollapsed);
}

function refresh() {
  if (live.isOn && !document.hidden && !isReading()) {
    document.body.dispatchEvent(new CustomEvent("changed"));
  }
}

function listen() {
  const address = document.body.dataset.changes;
  const wanted = Boolean(address) && live.isOn && !document.hidden;
  if (wanted && !live.stream) {
    live.stream = new EventSource(address);
    live.stream.addEventListener("changed", refresh);
    live.stream.addEventListener("error", onLost);
  } else if (!wanted && live.stream) {
    live.stream.close();
    live.stream = null;
  }
}

// The browser opens a stream anew by itself, but not after an answer that is none: a proxy's, or "too many".
function onLost() {
  refresh(); // the page then says what is wrong
  if (live.stream?.readyState === EventSource.CLOSED) {
    live.stream = null;
    setTimeout(listen, 5000);
  }
}

function switchLive() {
  const button = document.querySelector("[data-live]");
  if (!button) return;
  live.isOn = !live.isOn;
  sessionStorage.setItem(LIVE, live.isOn ? "on" : "off");
  showLive(button);
  say(live.isOn ? "Live: the page changes as things happen." : "Not live: the page stays as it is.");
  listen();
  refresh();
}

function showLive(button) {
  button.hidden = false;
  button.setAttribute("aria-pressed", String(live.isOn));
}

// --- keys ------------------------------------------------------------------------------------------------------------

function rows() {
  return [...document.querySelectorAll("[data-row]")];
}

function current() {
  return document.querySelector("[data-row][aria-current]");
}

function move(step) {
  const all = rows();
  if (!all.length) return;
  const at = all.indexOf(current());
  const next = all[Math.min(all.length - 1, Math.max(0, at < 0 ? 0 : at + step))];
  current()?.removeAttribute("aria-current");
  next.setAttribute("aria-current", "true");
  move.id = next.id;
  (next.querySelector("a, button, summary") ?? next).focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

// A link leads to a page that asks first. A button would do it at once, so its press is left to another key.
function go(selector) {
  const found = current()?.querySelector(selector) ?? document.querySelector(`main ${selector}`);
  if (found?.matches("button")) {
    found.focus();
    say(`Press Enter to ${found.textContent.toLowerCase()}.`);
  } else {
    found?.click();
  }
}

const KEYS = {
  "/": () => document.querySelector("[data-filter]")?.focus(),
  j: () => move(1),
  k: () => move(-1),
  r: () => go("[data-replay]"),
  l: switchLive,
  "?": () => document.getElementById("keys")?.showModal(),
};

function onKey(event) {
  const typing = event.target.closest("input, textarea, select");
  if (typing && event.key === "Escape") event.target.blur();
  if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const row = current();
  if (event.key === "Enter" && row && !event.target.closest("a, button, summary")) {
    row.querySelector("a")?.click();
  } else if (KEYS[event.key]) {
    event.preventDefault();
    KEYS[event.key]();
  }
}

// --- copying ---------------------------------------------------------------------------------------------------------

function say(text) {
  document.getElementById("said").textContent = text;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { document.getElementById("said").textContent = ""; }, 4000);
}

async function copy(button) {
  const from = document.getElementById(button.dataset.copy);
  const text = from.value ?? from.textContent;
  try {
    await navigator.clipboard.writeText(text);
    say("Copied.");
  } catch {
    from.select?.();
    say("Your browser does not let pages copy here: the text is selected, copy it by hand.");
  }
}

// --- begin -----------------------------------------------------------------------------------------------------------

function reveal() {
  for (const hidden of document.querySelectorAll("[data-copy][hidden], [data-keys][hidden]")) hidden.hidden = false;
  const button = document.querySelector("[data-live]");
  if (button) showLive(button);
  if (move.id) document.getElementById(move.id)?.setAttribute("aria-current", "true"); // a new answer does not know it
}

document.addEventListener("keydown", onKey);
document.addEventListener("visibilitychange", () => { listen(); refresh(); });
document.addEventListener("htmx:after:swap", reveal);
document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.copy) copy(button);
  else if (button.hasAttribute("data-live")) switchLive();
  else if (button.hasAttribute("data-keys")) KEYS["?"]();
});
// Browsers without `scroll-initial-target` need it, which the style sheet has for those without scripts.
document.querySelector("header [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
reveal();
listen();
