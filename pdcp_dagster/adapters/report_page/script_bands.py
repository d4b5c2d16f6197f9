"""The part of the page's script that draws the cohort's dose-volume histograms and tells of each patient's.

What lives here: a function `startBands`. What does not: the elements and the data (`bands`).
"""

from __future__ import annotations

BANDS = r"""
function startBands(reveal) {
  const source = document.getElementById("bands-data");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const plot = document.getElementById("plot");
  const [canvas, svg] = plot.children;
  const structure = document.getElementById("structure");
  const said = document.getElementById("plot-said");
  const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [760, 420, 60, 12, 10, 44];
  const NEAR = 24; // pixels of the drawing
  const MOST_DRAWN = 400; // more lines would only be a grey area; the pointer finds the others all the same
  const last = data.points - 1;
  let band, curves, ranked, chosen, dose, one, point;

  function bytes(text) {
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  }

  function line(text) {
    const both = bytes(text);
    return Array.from({ length: both.length / 2 }, (_, n) => (both[2 * n] + 256 * both[2 * n + 1]) / 100);
  }

  const x = (gy) => LEFT + (gy / band.highest) * (WIDTH - LEFT - RIGHT);
  const y = (pct) => HEIGHT - BOTTOM - (pct / 100) * (HEIGHT - TOP - BOTTOM);
  const doseAt = (n) => (n / last) * band.highest;
  const kept = (patient, n) => (curves[patient * data.points + n] * 100) / data.steps;

  function between(at, count, gy) {
    const place = Math.min(Math.max((gy / band.highest) * (count - 1), 0), count - 1);
    const below = Math.min(Math.floor(place), count - 2);
    return at(below) + (place - below) * (at(below + 1) - at(below));
  }

  const volumeOf = (patient, gy) => between((n) => kept(patient, n), data.points, gy);
  const of = (values, gy) => between((n) => values[n], band.fine, gy);

  function draw(tag, kind, attributes, text) {
    const made = document.createElementNS(svg.namespaceURI, tag);
    if (kind) made.setAttribute("class", kind);
    for (const [name, given] of Object.entries(attributes)) made.setAttribute(name, given);
    if (text !== undefined) made.textContent = text;
    svg.append(made);
    return made;
  }

  function path(values) {
    const step = band.highest / (values.length - 1);
    return values.map((pct, n) => `${x(n * step).toFixed(1)} ${y(pct).toFixed(1)}`);
  }

  function drawAxes() {
    for (let pct = 0; pct <= 100; pct += 20) {
      draw("path", "grid", { d: `M${LEFT} ${y(pct)}H${WIDTH - RIGHT}` });
      draw("text", "", { x: LEFT - 8, y: y(pct) + 4, "text-anchor": "end" }, pct);
    }
    const rough = band.highest / 8;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough * 0.999);
    for (let n = 0; n * step <= band.highest * 1.0001; n += 1) {
      draw("path", "grid", { d: `M${x(n * step)} ${TOP}V${y(0)}` });
      const text = Number((n * step).toPrecision(6));
      draw("text", "", { x: x(n * step), y: y(0) + 18, "text-anchor": "middle" }, text);
    }
    draw("path", "axis", { d: `M${LEFT} ${TOP}V${y(0)}H${WIDTH - RIGHT}` });
    const middle = (LEFT + WIDTH - RIGHT) / 2;
    draw("text", "", { x: middle, y: HEIGHT - 6, "text-anchor": "middle" }, "Dose / Gy");
    const aside = `translate(13 ${(TOP + y(0)) / 2}) rotate(-90)`;
    draw("text", "", { "text-anchor": "middle", transform: aside }, "Volume / %");
  }

  function drawEach() {
    const scale = Math.min(window.devicePixelRatio || 1, 2) * (plot.clientWidth / WIDTH || 1);
    canvas.width = Math.round(WIDTH * scale);
    canvas.height = Math.round(HEIGHT * scale);
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    pen.strokeStyle = "#808a94"; // seen on light, dark and paper
    pen.globalAlpha = Math.min(0.6, 2.2 / Math.sqrt(drawn()));
    pen.lineWidth = drawn() > 200 ? 0.8 : 1;
    for (let place = 0; place < drawn(); place += 1) {
      const patient = ranked[Math.round((place * (ranked.length - 1)) / Math.max(drawn() - 1, 1))];
      pen.beginPath();
      for (let n = 0; n <= last; n += 1) pen.lineTo(x(doseAt(n)), y(kept(patient, n)));
      pen.stroke();
    }
  }

  const drawn = () => Math.min(ranked.length, MOST_DRAWN);

  function choose() {
    band = data.bands[Number(structure.value)];
    curves = data.steps > 255 ? new Uint16Array(bytes(band.curves).buffer) : bytes(band.curves);
    for (const name of ["median", "lower", "upper"])
      band[name] = typeof band[name] === "string" ? line(band[name]) : band[name];
    const half = band.patients.map((_, patient) => halfDose(patient));
    ranked = band.patients.map((_, patient) => patient).sort((a, b) => half[a] - half[b]);
    chosen = null;
    dose = middleDose();
    svg.replaceChildren();
    drawAxes();
    draw("path", "quartiles", { d: `M${path(band.upper).join("L")}L${path(band.lower).reverse().join("L")}Z` });
    draw("path", "median", { d: `M${path(band.median).join("L")}` });
    one = draw("path", "one", { d: "" });
    point = draw("circle", "point", { r: 5, visibility: "hidden" });
    drawEach();
    plot.setAttribute("aria-label", `Dose-volume histograms of ${band.structure}, ${who()}`);
    const lines = drawn() < band.count ? `${drawn()} of ${band.count} patients drawn` : "each patient";
    document.getElementById("plot-lines").textContent = lines;
    tell();
  }

  function halfDose(patient) {
    let n = 0;
    while (n < last && kept(patient, n) >= 50) n += 1;
    return doseAt(n);
  }

  function middleDose() {
    const n = band.median.findIndex((pct) => pct < 50);
    return (Math.max(n, 0) / (band.fine - 1)) * band.highest;
  }

  function tell() {
    one.setAttribute("d", chosen === null ? "" : `M${ownPath().join("L")}`);
    point.setAttribute("visibility", chosen === null ? "hidden" : "visible");
    const gy = dose.toFixed(1);
    const median = `${of(band.median, dose).toFixed(1)} %`;
    const quartiles = `quartiles ${of(band.lower, dose).toFixed(1)} to ${of(band.upper, dose).toFixed(1)} %`;
    if (chosen === null) {
      said.textContent = `${who()}: ${median} of ${band.structure} gets at least ${gy} Gy (median; ${quartiles}).`;
      return;
    }
    const volume = volumeOf(chosen, dose);
    point.setAttribute("cx", x(dose));
    point.setAttribute("cy", y(volume));
    const name = data.names[band.patients[chosen]];
    const usual = `all: median ${median}, ${quartiles}`;
    const own = volume.toFixed(data.steps > 255 ? 1 : 0);
    said.textContent = `${name}: ${own} % of ${band.structure} gets at least ${gy} Gy (${usual}).`;
  }

  const who = () => (band.count === 1 ? "1 patient" : `${band.count} patients`);

  function ownPath() {
    return path(Array.from({ length: data.points }, (_, n) => kept(chosen, n)));
  }

  function nearest(left, top) {
    const middle = Math.round(((left - LEFT) / (WIDTH - LEFT - RIGHT)) * last);
    const wide = Math.ceil((NEAR / (WIDTH - LEFT - RIGHT)) * last) + 1;
    const [from, to] = [Math.max(0, middle - wide), Math.min(last, middle + wide)];
    let [best, least] = [null, NEAR * NEAR];
    for (let patient = 0; patient < ranked.length; patient += 1)
      for (let n = from; n < to; n += 1) {
        const far = distance(left, top, x(doseAt(n)), y(kept(patient, n)), x(doseAt(n + 1)), y(kept(patient, n + 1)));
        if (far < least) [best, least] = [patient, far];
      }
    return best;
  }

  function distance(px, py, ax, ay, bx, by) {
    const [dx, dy] = [bx - ax, by - ay];
    const share = Math.min(1, Math.max(0, ((px - ax) * dx + (py - ay) * dy) / (dx * dx + dy * dy || 1)));
    return (px - ax - share * dx) ** 2 + (py - ay - share * dy) ** 2;
  }

  function pointed(event) {
    const area = svg.getBoundingClientRect();
    const left = ((event.clientX - area.left) / area.width) * WIDTH;
    const top = ((event.clientY - area.top) / area.height) * HEIGHT;
    chosen = nearest(left, top);
    dose = Math.min(band.highest, Math.max(0, ((left - LEFT) / (WIDTH - LEFT - RIGHT)) * band.highest));
    tell();
  }

  function step(by) {
    const place = chosen === null ? (by > 0 ? -1 : ranked.length) : ranked.indexOf(chosen);
    chosen = ranked[Math.min(ranked.length - 1, Math.max(0, place + by))];
    tell();
  }

  function move(by) {
    dose = Math.min(band.highest, Math.max(0, dose + (by * band.highest) / 100));
    tell();
  }

  function clear() {
    chosen = null;
    dose = middleDose();
    tell();
  }

  const KEYS = {
    ArrowUp: () => step(1),
    ArrowDown: () => step(-1),
    ArrowRight: () => move(1),
    ArrowLeft: () => move(-1),
    Home: () => step(-Infinity),
    End: () => step(Infinity),
    Escape: clear,
    Enter: () => chosen !== null && reveal(data.names[band.patients[chosen]]),
  };
  plot.addEventListener("keydown", (event) => {
    if (!Object.hasOwn(KEYS, event.key)) return;
    event.preventDefault();
    KEYS[event.key]();
  });
  plot.addEventListener("pointermove", pointed);
  plot.addEventListener("pointerleave", (event) => event.pointerType === "touch" || clear());
  plot.addEventListener("click", (event) => {
    const before = chosen;
    pointed(event);
    if (chosen === before) KEYS.Enter(); // a finger has not pointed at anybody before its first tap
  });
  structure.addEventListener("input", choose);
  new ResizeObserver(() => drawEach()).observe(plot);
  choose();
}
"""
