"use strict";
(() => {
  const KEEP = 120, EVERY = 1000, TABLES_EVERY = 2;
  const at = (id) => document.getElementById(id);
  const SVG = "http://www.w3.org/2000/svg";
  const WIDE = 600, HIGH = 150, LEFT = 52, BELOW = 6, TOP = 8;
  const points = [];
  let before = null, ticks = 0, since = 0;

  const short = (n) => n >= 1e6 ? (n / 1e6).toPrecision(3) + "M" : n >= 1e4 ? (n / 1e3).toPrecision(3) + "k"
    : n >= 100 || Number.isInteger(n) ? String(Math.round(n)) : String(Number(n.toPrecision(2)));
  const time = (us) => us >= 1e6 ? Number((us / 1e6).toPrecision(3)) + " s"
    : us >= 1000 ? Number((us / 1000).toPrecision(3)) + " ms" : Math.round(us) + " µs";

  function node(name, attributes, text) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  }

  // A round number at or above the largest value: 1, 2 or 5 times a power of ten.
  function ceiling(most) {
    const ten = 10 ** Math.floor(Math.log10(Math.max(most, 1e-9)));
    return [1, 2, 5, 10].map((k) => k * ten).find((k) => k >= most * 0.999) || 1;
  }

  const x = (i, wide) => LEFT + (wide - LEFT - 4) * (KEEP - points.length + i) / (KEEP - 1);
  const y = (value, top) => HIGH - BELOW - (HIGH - BELOW - TOP) * Math.min(value / top, 1);

  function frame(svg, top, label) {
    const wide = Math.max(svg.clientWidth, 200);
    svg.setAttribute("viewBox", `0 0 ${wide} ${HIGH}`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.replaceChildren();
    for (const part of [0, 0.5, 1]) {
      const high = y(part * top, top);
      svg.append(node("line", { x1: LEFT, x2: wide, y1: high, y2: high }));
      svg.append(node("text", { x: LEFT - 6, y: high + 4, "text-anchor": "end" }, label(part * top)));
    }
    return wide;
  }

  function line(svg, wide, top, values, name) {
    const parts = [];
    let isUp = true;
    values.forEach((value, i) => {
      if (value === null) { isUp = true; return; }
      parts.push(`${isUp ? "M" : "L"}${x(i, wide).toFixed(1)} ${y(value, top).toFixed(1)}`);
      isUp = false;
    });
    svg.append(node("path", { d: parts.join(""), class: name }));
  }

  function area(svg, wide, top, low, high, name) {
    if (high.length < 2) return;
    const up = high.map((value, i) => `${x(i, wide).toFixed(1)} ${y(value, top).toFixed(1)}`);
    const down = low.map((value, i) => `${x(i, wide).toFixed(1)} ${y(value, top).toFixed(1)}`).reverse();
    svg.append(node("path", { d: "M" + up.join("L") + "L" + down.join("L") + "Z", class: name }));
  }

  function drawRate() {
    const values = points.map((p) => p.rate), top = ceiling(Math.max(1, ...values));
    const wide = frame(at("rate"), top, short);
    area(at("rate"), wide, top, values.map(() => 0), values, "q50 soft");
    line(at("rate"), wide, top, values, "q50");
    at("rate-now").textContent = short(values[values.length - 1]);
    at("rate").setAttribute("aria-label", `${short(values[values.length - 1])} requests a second now`);
  }

  function drawClasses() {
    const names = ["2xx", "3xx", "4xx", "5xx"];
    const top = ceiling(Math.max(1, ...points.map((p) => p.classes.reduce((a, b) => a + b))));
    const wide = frame(at("classes"), top, short);
    let low = points.map(() => 0);
    names.forEach((name, k) => {
      const high = points.map((p, i) => low[i] + p.classes[k]);
      area(at("classes"), wide, top, low, high, `c${name[0]} area`);
      low = high;
    });
    const now = points[points.length - 1].classes;
    at("classes").setAttribute("aria-label", names.map((name, k) => `${short(now[k])} ${name}`).join(", ") + " a second now");
  }

  function drawLatency() {
    const all = points.flatMap((p) => p.quantiles).filter((q) => q !== null);
    const top = ceiling(Math.max(1000, ...all));
    const wide = frame(at("latency"), top, time);
    ["q99", "q95", "q50"].forEach((name, k) => line(at("latency"), wide, top, points.map((p) => p.quantiles[2 - k]), name));
    const now = points[points.length - 1].quantiles;
    const text = now[0] === null ? "no requests" : `p99 ${time(now[2])}`;
    at("latency-now").textContent = text;
    at("latency").setAttribute("aria-label", now[0] === null ? text
      : `now half take at most ${time(now[0])}, 95 % ${time(now[1])}, 99 % ${time(now[2])}`);
  }

  // Within its bucket a request may be anywhere: evenly spread, as Prometheus has it.
  function quantile(buckets, share) {
    const all = buckets.reduce((sum, b) => sum + b.n, 0);
    let rest = all * share, low = 0;
    if (all === 0) return null;
    for (const b of buckets) {
      if (rest <= b.n) return b.top === 0 ? low : low + (b.top - low) * rest / b.n;
      rest -= b.n;
      low = b.top;
    }
    return low;
  }

  function take(status, now) {
    const t = status.traffic, latency = status.latency;
    if (before !== null && t.requests >= before.t.requests) {
      const s = (now - before.now) / 1000, per = (name) => Math.max(0, t[name] - before.t[name]) / s;
      const buckets = latency.map((b, i) => ({ top: b.at_most_us, n: b.requests - before.latency[i].requests }));
      points.push({
        rate: per("requests"),
        classes: ["status_2xx", "status_3xx", "status_4xx", "status_5xx"].map(per),
        quantiles: [0.5, 0.95, 0.99].map((share) => quantile(buckets, share)),
      });
      if (points.length > KEEP) points.shift();
    }
    before = { t, latency, now };
  }

  function say(status) {
    const g = status.gateway;
    const text = g ? `${g.state}, generation ${g.generation}, ${g.connections} connections` : "";
    if (at("state").textContent !== text) at("state").textContent = text;
  }

  // What has the focus, or a selection in it, is left alone: it is being read or used.
  function isInUse(section) {
    const chosen = document.getSelection();
    return section.contains(document.activeElement) || (chosen && !chosen.isCollapsed && section.contains(chosen.anchorNode));
  }

  async function refreshTables() {
    const answer = await fetch("/tables", { cache: "no-store" });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const section of fresh.querySelectorAll("section")) {
      const old = at(section.id);
      if (old === null) { at("tables").append(document.adoptNode(section)); continue; }
      if (isInUse(old) || old.innerHTML === section.innerHTML) continue;
      const scroll = old.querySelector(".scroll"), left = scroll === null ? 0 : scroll.scrollLeft;
      old.replaceChildren(...document.adoptNode(section).childNodes);
      if (left > 0 && old.querySelector(".scroll") !== null) old.querySelector(".scroll").scrollLeft = left;
    }
  }

  async function tick() {
    try {
      const answer = await fetch("/status.json", { cache: "no-store" });
      const status = await answer.json();
      take(status, performance.now());
      say(status);
      since = 0;
      if (points.length > 0) {
        at("charts").hidden = false;
        drawRate();
        drawClasses();
        drawLatency();
      }
      if (ticks++ % TABLES_EVERY === 0) await refreshTables();
    } catch (why) {
      if (++since > 1) at("state").textContent = "The gateway does not answer; trying again.";
    }
    setTimeout(tick, document.hidden ? 5 * EVERY : EVERY);
  }

  tick();
})();
