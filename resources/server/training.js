// The page that shows training live. Events come over fetch rather than EventSource, which cannot send a token.

import { drawChart, numberText } from "/assets/charts.js";

const TOTAL = "total", AGAIN_MS = 2000;
const byId = (id) => document.getElementById(id);
const STATES = {
  idle: "no training", running: "training", stopping: "stopping…", done: "done", failed: "failed",
  lost: "the server does not answer",
};

let token = sessionStorage.getItem("token") ?? "";
if (location.hash.startsWith("#token=")) {
  token = decodeURIComponent(location.hash.slice(7));
  sessionStorage.setItem("token", token);
  history.replaceState(null, "", location.pathname); // not for bookmarks, nor for a shoulder
}

let state = { status: "idle", progress: 0, current_epoch: 0, total_epochs: 0, loss_history: [], error: null };
let trainingTrouble = null;
let networkInList = null;

async function call(method, path, body, type = "application/json") {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  if (body !== undefined) headers["Content-Type"] = type;
  const answer = await fetch(path, { method, headers, body });
  if (answer.status === 401) {
    await askToken();
    return call(method, path, body, type);
  }
  return answer;
}

let asking = null;
function askToken() {
  asking ??= new Promise((resolve) => {
    const dialog = byId("token-dialog");
    dialog.onclose = () => {
      token = byId("token").value.trim();
      sessionStorage.setItem("token", token);
      asking = null;
      resolve();
    };
    dialog.showModal();
  });
  return asking;
}

// A JSON answer; an error of the server is thrown as its line.
async function ask(method, path, value) {
  const answer = await call(method, path, value === undefined ? undefined : JSON.stringify(value));
  const result = await answer.json();
  if (!answer.ok) throw new Error(result.error);
  return result;
}

function tell(id, words) {
  byId(id).textContent = words ?? "";
  byId(id).hidden = !words;
}

async function trying(id, work) {
  tell(id, null);
  try {
    await work();
  } catch (error) {
    tell(id, error instanceof TypeError ? "The server does not answer." : error.message);
  }
}

// --- the training -------------------------------------------------------------------------------

function timeText(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const whole = Math.round(seconds);
  const two = (n) => String(n).padStart(2, "0");
  const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

function showFigures() {
  const last = state.loss_history.at(-1);
  const known = state.total_epochs > 0;
  byId("epoch").replaceChildren(known ? String(state.current_epoch) : "–");
  if (known) {
    const of = document.createElement("small");
    of.textContent = ` / ${state.total_epochs}`;
    byId("epoch").append(of);
  }
  byId("percent").textContent = known ? `${Math.floor(100 * state.progress)} %` : "–";
  byId("left").textContent = timeText(state.left_s);
  byId("training-loss").textContent = numberText(state.batch_loss ?? last?.loss[TOTAL]);
  byId("validation-loss").textContent = numberText(last?.validation[TOTAL]);
  byId("bar").value = state.progress;
  document.title = state.status === "running" ? `${Math.floor(100 * state.progress)} % · Charon` : "Charon · Training";
}

function showState() {
  const active = state.status === "running" || state.status === "stopping";
  byId("light").dataset.status = state.status;
  byId("light-words").textContent = STATES[state.status];
  byId("start").disabled = active || trainingTrouble !== null;
  byId("stop").disabled = state.status !== "running";
  tell("trouble", state.status === "failed" ? state.error : null);
  showFigures();
  if (state.network && state.network !== networkInList) void showNetworks();
}

function showLosses() {
  const history = state.loss_history;
  const rows = (part) => history.map((one) => (
    { epoch: one.epoch, training: one.loss[part] ?? null, validation: one.validation[part] ?? null }
  ));
  const waiting = state.status === "running" ? "The first epoch is on its way." : "Losses appear here, epoch by epoch.";
  drawChart(byId("loss"), rows(TOTAL), state.total_epochs, waiting);
  const parts = Object.keys(history.at(-1)?.loss ?? {}).filter((part) => part !== TOTAL);
  byId("parts").replaceChildren(...parts.map((part) => {
    const card = document.createElement("div"), title = document.createElement("h2"), chart = document.createElement("div");
    card.className = "card";
    chart.className = "chart";
    title.textContent = part.replaceAll("_", " ");
    card.append(title, chart);
    return card;
  }));
  parts.forEach((part, i) => drawChart(byId("parts").children[i].lastChild, rows(part), state.total_epochs));
}

function take(kind, value) {
  state = { ...state, ...value };
  showState();
  if (kind === "status") showLosses();
}

// Server-sent events: blocks that an empty line ends, each with "event:" and "data:".
async function listen() {
  for (;;) {
    try {
      const answer = await call("GET", "/api/train/events");
      if (!answer.ok) throw new Error((await answer.json()).error);
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let text = ""; ;) {
        const { done, value } = await reader.read();
        if (done) break;
        const blocks = (text + value).split("\n\n");
        text = blocks.pop();
        for (const block of blocks) {
          const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s)));
          if (fields.data) take(fields.event, JSON.parse(fields.data));
        }
      }
    } catch (error) {
      console.info(error);
    }
    byId("light").dataset.status = "lost";
    byId("light-words").textContent = STATES.lost;
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

byId("order").onsubmit = (event) => {
  event.preventDefault();
  const number = (id) => (byId(id).value === "" ? null : Number(byId(id).value));
  const order = {
    data: byId("data").value.split("\n").map((line) => line.trim()).filter(Boolean),
    epochs: number("epochs"),
    max_files: number("max-files"),
    device: byId("device").value,
    seed: number("seed"),
    resume: byId("resume").checked,
  };
  localStorage.setItem("data", byId("data").value);
  void trying("order-trouble", async () => take("status", await ask("POST", "/api/train/start", order)));
};
byId("stop").onclick = () => trying("order-trouble", async () => take("status", await ask("POST", "/api/train/stop")));

// --- the networks -------------------------------------------------------------------------------

const ORIGINS = { rules: "no network", shipped: "comes with Charon", own: "yours" };

async function showNetworks() {
  await trying("networks-trouble", async () => {
    const { models } = await ask("GET", "/api/models");
    networkInList = models.find((one) => one.name === state.network)?.name ?? state.network ?? null;
    byId("networks").replaceChildren(...models.map((one) => {
      const row = document.createElement("li"), button = document.createElement("button");
      const name = document.createElement("span"), origin = document.createElement("small");
      name.textContent = one.name;
      origin.textContent = one.in_use ? "in use" : ORIGINS[one.origin];
      button.title = one.in_use ? "The visuals follow this one" : `Let the visuals follow ${one.name}`;
      button.setAttribute("aria-pressed", String(one.in_use));
      button.append(document.createElement("i"), name, origin);
      button.onclick = () => trying("networks-trouble", async () => {
        await ask("PUT", "/api/models/current", { name: one.name });
        await showNetworks();
      });
      row.append(button);
      return row;
    }));
  });
}

byId("upload").onchange = () => trying("networks-trouble", async () => {
  const file = byId("upload").files[0];
  byId("upload").value = "";
  if (!file) return;
  const name = encodeURIComponent(file.name.replace(/\.onnx$/i, "").slice(0, 64));
  const answer = await call("POST", `/api/models?name=${name}`, file, "application/octet-stream");
  const result = await answer.json();
  if (!answer.ok) throw new Error(result.error);
  await showNetworks();
});
byId("upload-label").onkeydown = (event) => {
  if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    byId("upload").click();
  }
};

// --- start --------------------------------------------------------------------------------------

byId("data").value = localStorage.getItem("data") ?? "";
let redraw = 0;
addEventListener("resize", () => {
  cancelAnimationFrame(redraw);
  redraw = requestAnimationFrame(showLosses);
});
await trying("order-trouble", async () => {
  trainingTrouble = (await ask("GET", "/api/about")).training_trouble;
  tell("order-trouble", trainingTrouble);
});
showState();
showLosses();
await showNetworks();
await listen();
