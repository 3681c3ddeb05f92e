"use strict";

// A finger scrolls the page; only a mouse marks what to zoom into.
const dragmode = matchMedia("(pointer: coarse)").matches ? false : "zoom";

// However many rows its legend has, a plot keeps its own height.
const LEGEND_ROW = 26;

async function draw(figure) {
  const plot = figure.querySelector(".plot");
  const { data, layout } = JSON.parse(await unpacked(figure.querySelector("script")));
  const { height, ...shape } = layout;
  plot.style.height = `${height}px`;
  await Plotly.newPlot(plot, data, { ...shape, dragmode }, { responsive: true, displayModeBar: false });
  await fitLegend(plot, height);
  new ResizeObserver(() => fitLegend(plot, height)).observe(figure);
  stepThrough(plot, figure.querySelector(".reading"), data);
  figure.dataset.drawn = "yes";
}

async function fitLegend(plot, height) {
  const rows = (plot.querySelector(".legend .bg")?.getBBox().height ?? 0) - LEGEND_ROW;
  const wanted = `${height + Math.max(0, Math.round(rows))}px`;
  if (plot.style.height === wanted) return;
  plot.style.height = wanted;
  await Plotly.relayout(plot, { autosize: true });
}

// Arrow keys go from point to point and from line to line; each is shown and read out.
function stepThrough(plot, reading, data) {
  let line = 0;
  let point = -1;
  const steps = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };
  plot.addEventListener("keydown", (event) => {
    const step = steps[event.key];
    if (!step || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    line = (line + step[0] + data.length) % data.length;
    point = Math.min(Math.max(point + step[1], 0), data[line].x.length - 1);
    Plotly.Fx.hover(plot, [{ curveNumber: line, pointNumber: point }]);
    reading.textContent = plain(data[line].text[point]);
  });
  plot.addEventListener("blur", () => Plotly.Fx.unhover(plot));
}

// What plotly was given is escaped, as it would obey tags.
function plain(text) {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

// The text of a script element that may be packed.
async function unpacked(element) {
  if (element.type !== "application/gzip") return element.textContent;
  const bytes = Uint8Array.from(atob(element.textContent), (char) => char.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

// The library lies packed within the page. Its text becomes a script of its own, which the page's policy knows.
let library;
function loadLibrary() {
  library ??= (async () => {
    const script = document.createElement("script");
    script.textContent = await unpacked(document.querySelector("#plotly"));
    document.head.append(script);
  })();
  return library;
}

// Charts are drawn one after another when they come near the screen, and all of them to be printed.
let queue = Promise.resolve();
function drawSoon(figure) {
  if (figure.dataset.drawn) return;
  figure.dataset.drawn = "soon";
  queue = queue.then(loadLibrary).then(() => draw(figure)).catch(console.error).then(() => new Promise((resume) => setTimeout(resume)));
}

const figures = [...document.querySelectorAll("figure.chart")];
const watch = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      watch.unobserve(target);
      drawSoon(target);
    }
    queue.then(() => {
      document.documentElement.dataset.charts = "drawn";
      performance.mark("charts drawn");
    });
  },
  { rootMargin: "400px" },
);
figures.forEach((figure) => watch.observe(figure));
if (!figures.length) document.documentElement.dataset.charts = "drawn";
addEventListener("beforeprint", () => figures.forEach(drawSoon));
