// The page works without this file. It adds Airflow's theme and time zone, links into Airflow, and what Airflow's own
// public API knows: the server asks ClickMeeting only, so that Airflow itself decides which dags a user may see.
"use strict";
(() => {
  const page = document.documentElement;
  const root = page.dataset.root;
  const up = window.parent === window ? null : window.parent;

  // --- theme ---
  const PALETTE = {
    "--bg": "bg", "--bg-subtle": "bg-subtle", "--bg-muted": "bg-muted", "--fg": "fg", "--fg-muted": "fg-muted",
    "--border": "border", "--link": "fg-info", "--good": "fg-success", "--busy": "fg-warning", "--bad": "fg-error",
  };
  const follow = () => {
    const theirs = up.document.documentElement;
    const style = up.getComputedStyle(theirs);
    const dark = theirs.classList.contains("dark");
    page.classList.toggle("dark", dark);
    page.classList.toggle("light", !dark);
    for (const [ours, name] of Object.entries(PALETTE)) {
      const value = style.getPropertyValue(`--chakra-colors-${name}`);
      if (value) page.style.setProperty(ours, value);
    }
  };
  if (up) {
    follow();
    new MutationObserver(follow).observe(up.document.documentElement, { attributes: true, attributeFilter: ["class", "style"] });
  }

  // --- links: the frame may neither leave itself nor open a window, so the outer page does ---
  document.addEventListener("click", event => {
    const link = event.target.closest("a[data-airflow], a[data-out]");
    if (!link || !up || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (link.hasAttribute("data-out")) {
      up.open(link.href, "_blank", "noopener");
    } else {
      up.history.pushState(null, "", link.href);
      up.dispatchEvent(new PopStateEvent("popstate", { state: null }));
    }
  });

  // --- times in the zone that the user chose in Airflow ---
  const zone = () => {
    try {
      const chosen = JSON.parse(localStorage.getItem("timezone"));
      const format = { timeZone: chosen === "local" ? undefined : chosen || "UTC" };
      new Intl.DateTimeFormat("sv", format);
      return format.timeZone;
    } catch {
      return "UTC";
    }
  };
  const show = (moment, timeZone = zone()) => {
    const shape = { timeZone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" };
    return new Intl.DateTimeFormat("sv", shape).format(moment);
  };
  const showTimes = within => {
    const timeZone = zone();
    for (const each of within.querySelectorAll("time[datetime]")) {
      each.textContent = show(new Date(each.dateTime), timeZone);
      each.title = timeZone || "local time";
    }
  };

  // --- what Airflow's API knows ---
  const ask = async path => {
    const response = await fetch(`${root}api/v2/${path}`);
    if (!response.ok) throw Object.assign(new Error(`HTTP ${response.status}`), { status: response.status });
    return response.json();
  };
  const build = (name, attributes = {}, ...children) => {
    const built = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) built.setAttribute(key, value);
    built.append(...children.filter(child => child !== null));
    return built;
  };
  const badge = (state, text = state) => build("span", { class: `badge ${state}` }, text);
  const time = moment => build("time", { datetime: moment }, show(new Date(moment)));
  const into = (place, ...children) => place.replaceChildren(...children.filter(Boolean));
  const quote = encodeURIComponent;
  const runLink = run => build(
    "a", { "data-airflow": "", href: `${root}dags/${quote(run.dag)}/runs/${quote(run.id)}` }, run.dag,
  );

  const LATEST = 100;
  const mine = connection => !connection || connection === page.dataset.connection;
  const roomsOf = value => (Array.isArray(value) ? value : [value]).map(String).filter(id => /^\d+$/.test(id));
  const parsed = value => {
    if (typeof value !== "string") return value;
    try { return JSON.parse(value); } catch { return value; }
  };

  /** The latest runs by room, each once: `Map` of room ids to lists of `{dag, id, state, at, why}`. */
  const findRuns = async () => {
    const none = { task_instances: [], dag_runs: [], asset_events: [] };
    const or = question => question.catch(() => none);
    const [tasks, runs, events] = await Promise.all([
      or(ask(`dags/~/dagRuns/~/taskInstances?limit=${LATEST}&order_by=-run_after&operator_name_pattern=ClickMeeting`)),
      or(ask(`dags/~/dagRuns?limit=${LATEST}&order_by=-run_after`)),
      or(ask(`assets/events?limit=${LATEST}&order_by=-timestamp`)),
    ]);
    const known = new Map(runs.dag_runs.map(run => [`${run.dag_id}/${run.dag_run_id}`, run]));
    const found = new Map();
    const add = (room, dag, id, why, at) => {
      const run = known.get(`${dag}/${id}`);
      const list = found.get(room) || found.set(room, new Map()).get(room);
      const before = list.get(`${dag}/${id}`);
      if (before) before.why.add(why);
      else list.set(`${dag}/${id}`, { dag, id, state: run?.state || "", at: run?.run_after || at || "", why: new Set([why]) });
    };
    for (const task of tasks.task_instances) {
      const fields = task.rendered_fields || {};
      if (!(task.operator || "").startsWith("ClickMeeting") || !mine(fields.clickmeeting_conn_id)) continue;
      for (const room of roomsOf(parsed(fields.room_id))) add(room, task.dag_id, task.dag_run_id, `task ${task.task_id}`, task.run_after);
    }
    for (const run of runs.dag_runs) {
      if (run.conf && mine(run.conf.clickmeeting_conn_id)) {
        for (const room of roomsOf(run.conf.room_id)) add(room, run.dag_id, run.dag_run_id, "its configuration", run.run_after);
      }
    }
    for (const event of events.asset_events) {
      const payload = event.extra?.payload || event.extra;
      if (!payload?.room_id || !ofAccount(event)) continue;
      for (const run of event.created_dagruns) {
        for (const room of roomsOf(payload.room_id)) add(room, run.dag_id, run.run_id, `event ${payload.event || event.name}`, event.timestamp);
      }
    }
    const latestFirst = (a, b) => (a.at < b.at ? 1 : -1);
    return new Map([...found].map(([room, list]) => [room, [...list.values()].sort(latestFirst)]));
  };
  const showRuns = async () => {
    const places = document.querySelectorAll("[data-runs], [data-room]");
    if (!places.length) return;
    const found = await findRuns();
    for (const place of places) {
      const runs = found.get(place.dataset.runs || place.dataset.room) || [];
      if (place.dataset.runs) {
        const [run] = runs;
        if (run) into(place, run.state && badge(run.state), runLink(run), runs.length > 1 && ` +${runs.length - 1}`);
      } else if (runs.length) {
        into(place, build("ul", { class: "list" }, ...runs.slice(0, 20).map(run => build(
          "li", {}, run.state ? badge(run.state) : null, runLink(run), run.at ? time(run.at) : null,
          build("span", { class: "muted" }, [...run.why].join(", ")),
        ))));
      } else {
        into(place, build("p", { class: "muted" }, `None of Airflow's latest ${LATEST} runs that you may see names this room.`));
      }
    }
  };

  // --- what archives say ---
  const showArchives = async () => {
    const place = document.querySelector("[data-archives]");
    if (!place) return;
    const room = place.dataset.archives;
    const operator = "ClickMeetingArchiveRecordingsOperator";
    const { task_instances: tasks } = await ask(
      `dags/~/dagRuns/~/taskInstances?limit=50&order_by=-run_after&state=success&operator=${operator}&operator_name_pattern=${operator}`,
    );
    const ofRoom = tasks.filter(task => task.operator === operator && mine(task.rendered_fields?.clickmeeting_conn_id)
      && (roomsOf(parsed(task.rendered_fields?.room_id)).includes(room) || task.rendered_fields?.room_id === "all"));
    const lines = await Promise.all(ofRoom.slice(0, 5).map(async task => {
      const way = [task.dag_id, "dagRuns", task.dag_run_id, "taskInstances", task.task_id, "xcomEntries"].map(quote).join("/");
      const entry = await ask(`dags/${way}/return_value?map_index=${task.map_index}`).catch(() => null);
      const result = parsed(entry?.value);
      // a run over all rooms names those that it archived by their manifests
      if (!result?.manifests?.some(path => path.endsWith(`recordings-${room}.json`))) return null;
      const kept = result.archived + result.unchanged;
      const several = result.manifests.length > 1 ? `, with those of ${result.manifests.length - 1} other rooms` : "";
      return build("li", {},
        badge("ready", `${kept} archived`), result.deleted ? badge("deleted", `${result.deleted} deleted`) : null,
        runLink({ dag: task.dag_id, id: task.dag_run_id }), task.end_date ? time(task.end_date) : null,
        build("span", { class: "muted" }, `in ${result.folder}${several}`),
      );
    }));
    const kept = lines.filter(Boolean);
    if (kept.length) into(place, build("ul", { class: "list" }, ...kept));
  };

  // --- watchers ---
  const uriParts = uri => decodeURIComponent((uri || "").replace(/^clickmeeting:\/\//, "")).split("/");
  const ofAccount = item => (item.uri || "").startsWith("clickmeeting://") && uriParts(item.uri).includes(page.dataset.connection);
  const healthOf = async asset => {
    try {
      const { asset_state_store: entries } = await ask(`assets/${asset.id}/state-store?limit=100`);
      return entries.find(entry => entry.key === "health") || null;
    } catch (error) {
      return error.status === 404 ? "needs Airflow 3.3" : "unknown";
    }
  };
  const judged = (asset, health) => {
    const last = asset.last_asset_event?.timestamp;
    const event = last ? build("span", {}, "last event ", time(last)) : "no event yet";
    if (health === null) return [badge("unknown", "no health yet"), event];
    if (typeof health === "string") return [badge("unknown", health), event];
    const { polled_at: written, failures_in_a_row: failures = 0, error, interval = 60 } = parsed(health.value) || {};
    const polled = Date.parse(written) ? written : null; // people may edit the store
    // A triggerer that is down writes nothing, so the age tells more than the error. A watcher writes once a minute at
    // most, and polls again after at most five minutes while it fails.
    const age = Date.now() - new Date(failures ? health.updated_at : polled || health.updated_at);
    const late = age > 3000 * Math.max(interval, failures ? 300 : 60);
    const times = failures === 1 ? "once" : `${failures} times`;
    const state = late ? badge("late", "no news") : failures ? badge("failing", `failed ${times}`) : badge(error ? "incomplete" : "healthy");
    const success = polled ? build("span", {}, "last successful poll ", time(polled)) : "no successful poll yet";
    return [state, success, error ? build("span", { class: "muted reason" }, error) : null];
  };
  const showWatchers = async () => {
    const place = document.querySelector("[data-watchers]");
    if (!place) return;
    const { assets } = await ask(`assets?limit=${LATEST}&uri_pattern=${quote("clickmeeting://")}`);
    const watched = assets.filter(asset => ofAccount(asset) && asset.watchers?.length);
    if (!watched.length) {
      into(place, build("p", { class: "muted" }, "No asset with a watcher of this account. Schedule a dag on clickmeeting_asset(…) to start one when something happens."));
      return;
    }
    const lines = await Promise.all(watched.map(async asset => build("li", {},
      build("a", { "data-airflow": "", href: `${root}assets/${asset.id}` }, asset.name),
      ...judged(asset, await healthOf(asset)),
    )));
    into(place, build("ul", { class: "list" }, ...lines));
  };

  const unanswered = selector => error => {
    for (const place of document.querySelectorAll(selector)) {
      into(place, build("p", { class: "muted" }, `Airflow's API did not answer: ${error.message}. Your role may not be allowed to read this.`));
    }
  };
  document.addEventListener("DOMContentLoaded", () => {
    showTimes(document);
    showRuns().catch(unanswered("[data-room]"));
    showArchives().catch(unanswered("[data-archives]"));
    showWatchers().catch(unanswered("[data-watchers]"));
  });
})();
