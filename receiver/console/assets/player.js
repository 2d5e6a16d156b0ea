// The recording of a transcript: what is being said is marked, and a time goes to its moment. The page works without this.
"use strict";

const audio = document.querySelector("[data-player]");
const turns = [...document.querySelectorAll("[data-at]")];
const moments = turns.map((turn) => Number(turn.dataset.at));
const follow = document.querySelector("[data-follow]");
let now = null;

function at(seconds) {
  let low = 0;
  let high = moments.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (moments[middle] <= seconds) low = middle + 1;
    else high = middle;
  }
  return turns[low - 1] ?? null;
}

function mark() {
  const turn = at(audio.currentTime);
  for (const word of turn?.querySelectorAll("[data-word]") ?? []) {
    word.toggleAttribute("data-heard", Number(word.dataset.word) <= audio.currentTime);
  }
  if (turn === now) return;
  now?.removeAttribute("data-now");
  for (const word of now?.querySelectorAll("[data-heard]") ?? []) word.removeAttribute("data-heard");
  now = turn;
  now?.setAttribute("data-now", "");
  if (now && follow.getAttribute("aria-pressed") === "true" && !audio.paused) now.scrollIntoView({ block: "nearest" });
}

function seek(seconds) {
  audio.currentTime = seconds;
  mark();
}

function asked() {
  const found = /^#t=(\d+(?:\.\d+)?)$/.exec(decodeURIComponent(location.hash));
  return found ? Number(found[1]) : null;
}

if (audio) {
  follow.hidden = false;
  follow.addEventListener("click", () => {
    follow.setAttribute("aria-pressed", String(follow.getAttribute("aria-pressed") !== "true"));
  });
  audio.addEventListener("timeupdate", mark);
  audio.addEventListener("loadedmetadata", () => { if (asked() !== null) seek(asked()); }, { once: true });
  addEventListener("hashchange", () => { if (asked() !== null) seek(asked()); });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-seek]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    seek(Number(link.dataset.seek));
    audio.play();
    if (!link.closest("[data-at]")) at(audio.currentTime)?.scrollIntoView({ block: "center" });
  });
}
