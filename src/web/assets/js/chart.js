/* A line of growth as inline SVG: points are [time, bytes], oldest first. The words beside it say the same. */
const [wide, high] = [600, 120];

/* The page has an icon: its namespace is that of every SVG. */
function node(tag, props) {
  const e = document.createElementNS(document.querySelector("svg").namespaceURI, tag);
  for (const [k, v] of Object.entries(props)) e.setAttribute(k, v);
  return e;
}

export function path(points) {
  const [from, to] = [points[0][0], points.at(-1)[0]];
  const most = Math.max(1, ...points.map((p) => p[1]));
  const x = (t) => (to === from ? wide : ((t - from) / (to - from)) * wide);
  const y = (b) => high - (b / most) * (high - 8);
  return points.map(([t, b], i) => `${i ? "L" : "M"}${x(t).toFixed(1)} ${y(b).toFixed(1)}`).join("");
}

export function chart(points, label) {
  const line = path(points);
  const svg = node("svg", { class: "chart", viewBox: `0 0 ${wide} ${high + 2}`, preserveAspectRatio: "none", role: "img", "aria-label": label });
  svg.append(node("path", { class: "area", d: `${line}L${wide} ${high}L0 ${high}Z` }), node("path", { class: "base", d: `M0 ${high}H${wide}` }), node("path", { class: "line", d: line }));
  return svg;
}
