"use strict";

const byId = id => document.getElementById(id);
const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) {
  sessionStorage.setItem("token", given);
  history.replaceState(null, "", location.pathname);   // so that nobody copies the token with the address
}
let token = given || sessionStorage.getItem("token") || "";
let zone = "UTC";
const shown = {};

// Text goes into the page as text, never as HTML: names of rooms and mails come from anywhere.
function element(tag, text, attributes = {}) {
  const made = document.createElement(tag);
  if (text !== null && text !== undefined) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

const row = cells => {
  const made = document.createElement("tr");
  for (const [text, style] of cells) made.append(element("td", text, style ? {class: style} : {}));
  return made;
};

const time = (iso, style = {dateStyle: "medium", timeStyle: "short"}) =>
  iso ? new Intl.DateTimeFormat("en-GB", {...style, timeZone: zone}).format(new Date(iso)) : "";

function recordings(room) {
  const parts = [];
  if (room.recordings_ready) parts.push(`${room.recordings_ready} ready`);
  if (room.recordings_processing) parts.push(`${room.recordings_processing} to come`);
  return parts.join(", ");
}

const roomRow = room => row([
  [room.name, "text"], [room.id],
  room.state === "live" ? [`live, ${room.present} present`, "live"] : [room.state, room.state === "planned" ? "ok" : "soft"],
  [room.starts_at ? `${time(room.starts_at)} – ${time(room.ends_at, {timeStyle: "short"})}` : "at any time"],
  [room.registrations], [room.sessions.join(", "), "text"], [recordings(room)],
]);

const requestRow = entry => row([
  [time(entry.time, {timeStyle: "medium"})], [entry.operation], [`${entry.method} ${entry.path}`, "text"],
  [entry.status ?? "…", entry.status >= 400 ? "live" : "ok"],
]);

function mail(one) {
  const made = element("details");
  made.append(element("summary", `${time(one.time)} · ${one.recipient} · ${one.subject}`));
  made.append(element("p", `From: ${one.sender}`, {class: "soft"}));
  // a frame without any permission: no script of a mail runs
  if (one.html) made.append(element("iframe", null, {sandbox: "", srcdoc: one.html, title: one.subject}));
  else made.append(element("pre", one.text));
  return made;
}

// A part is drawn again only when it has changed, so that an open mail stays open.
function draw(id, items, drawOne) {
  const now = JSON.stringify(items);
  if (shown[id] === now) return;
  shown[id] = now;
  byId(id).replaceChildren(...items.map(drawOne));
}

function show(found) {
  zone = found.clock.zone;
  byId("now").textContent = `${time(found.clock.now, {dateStyle: "full", timeStyle: "medium"})} (${zone})`;
  const speed = found.clock.speed;
  byId("speed").textContent = speed === 1 ? "" : speed ? `${speed} times as fast as time` : "stands still";
  const next = found.next_event;
  byId("next").textContent = next ? `Next: ${next.what}, ${time(next.at)}` : "Next: nothing is planned";
  for (const [name, count] of Object.entries(found.counts)) {
    const listed = found[name].length;
    byId(`count-${name}`).textContent = listed < count ? `(${listed} of ${count})` : `(${count})`;
  }
  draw("rooms", found.rooms, roomRow);
  draw("mails", found.mails, mail);
  draw("requests", found.requests, requestRow);
}

function complain(text) {
  byId("problem").textContent = text;
  byId("problem").hidden = !text;
}

async function ask(path, options) {
  const response = await fetch(`../${path}`, options);
  const found = await response.json();
  if (!response.ok) throw new Error(found.error);
  return found;
}

async function refresh() {
  try {
    show(await ask("overview"));
    complain("");
  } catch (error) {
    complain(`The sandbox does not respond (${error.message}). Start it again, and open the address that it prints.`);
  }
}

async function moveClock(event) {
  const headers = {"Content-Type": "application/json", "X-Sandbox-Token": token};
  try {
    await ask("clock", {method: "POST", headers, body: event.target.dataset.clock});
    await refresh();
  } catch (error) {
    byId("access").hidden = false;
    complain(error.message);
  }
}

for (const button of document.querySelectorAll("[data-clock]")) button.addEventListener("click", moveClock);
byId("access").hidden = Boolean(token);
byId("access").addEventListener("submit", event => {
  event.preventDefault();
  token = byId("token").value.trim();
  sessionStorage.setItem("token", token);
  byId("access").hidden = true;
  complain("");
});
refresh();
setInterval(() => document.hidden || refresh(), 2000);
