"use strict";

const connection = document.querySelector("#connection");
const stop = document.querySelector("#stop");
const now = document.querySelector("#now");
const calm = { responsive: true, displayModeBar: false, staticPlot: matchMedia("(pointer: coarse)").matches };

// A browser connects again by itself, and gets the whole state: nothing is kept here.
const stream = new EventSource("events");
stream.addEventListener("open", () => say("live"));
stream.addEventListener("error", () => say("the connection is lost: trying again"));
stream.addEventListener("state", (event) => show(JSON.parse(event.data)));
stream.addEventListener("report", (event) => end(JSON.parse(event.data)));

stop.addEventListener("click", async () => {
  stop.disabled = true;
  say("stopping");
  const answer = await fetch("stop", { method: "POST" });
  if (!answer.ok) say(`not stopped: ${await answer.text()}`);
});

function say(text) {
  connection.textContent = text;
}

// Charts take the browser most of its time: each second at most, and none while nobody looks.
const CHARTS_MS = 1000;
let drawn = -Infinity;

// The plotting library keeps the browser busy for a second or two: it starts once the figures can be read.
let plotting;
function startPlotting() {
  plotting ??= new Promise((started) => {
    const script = document.createElement("script");
    script.src = "plotly.js";
    script.addEventListener("load", started);
    requestAnimationFrame(() => setTimeout(() => document.head.append(script)));
  });
  return plotting;
}

async function show({ article, charts }) {
  now.innerHTML = article;
  document.title = now.querySelector("h2")?.textContent ?? document.title;
  document.documentElement.dataset.shown = "yes";
  if (document.hidden || performance.now() - drawn < CHARTS_MS) return;
  drawn = performance.now();
  await startPlotting();
  for (const figure of document.querySelectorAll("figure.chart")) {
    const chart = charts[figure.id.slice("chart-".length)];
    figure.hidden = !chart;
    if (!chart) continue;
    const { height, ...layout } = chart.layout;
    const plot = figure.querySelector(".plot");
    plot.style.height = `${height}px`;
    await Plotly.react(plot, chart.data, layout, calm);
  }
  document.documentElement.dataset.drawn = "yes";
}

// The command is over: what it leaves is its report, which holds everything.
function end(report) {
  stream.close();
  stop.hidden = true;
  say("the command is over");
  document.documentElement.dataset.ended = "yes";
  if (!report) return;
  const address = URL.createObjectURL(new Blob([report], { type: "text/html" }));
  const save = document.querySelector("#save");
  save.href = address;
  save.hidden = false;
  const frame = document.querySelector("#report");
  frame.src = address;
  frame.hidden = false;
  document.querySelector("main").hidden = true;
}
