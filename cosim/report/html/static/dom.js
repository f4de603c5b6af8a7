// Elements, the tooltip, colours, and charts that are drawn again when their width or the colours change.
function h(tag, attributes, ...children) {
  const made = document.createElement(tag);
  return dressed(made, attributes, children);
}

function s(tag, attributes, ...children) {
  return dressed(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function dressed(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "tip") tipped(made, value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return made;
}

const tip = document.getElementById("tip");

// Lines of text at a point of the window; the first one stands out.
function showTip(lines, x, y) {
  tip.replaceChildren(h("strong", null, lines[0]), ...lines.slice(1).filter(Boolean).map((line) => h("span", null, line)));
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(6, Math.min(x + 14, innerWidth - box.width - 8))}px`;
  tip.style.top = `${y + 18 + box.height > innerHeight ? Math.max(6, y - box.height - 12) : y + 18}px`;
}

const hideTip = () => { tip.hidden = true; };
addEventListener("scroll", hideTip, { passive: true });

function tipped(element, lines) {
  const all = () => (typeof lines === "function" ? lines() : lines);
  element.addEventListener("pointermove", (event) => showTip(all(), event.clientX, event.clientY));
  element.addEventListener("pointerleave", hideTip);
  element.setAttribute("aria-label", all().join("; "));
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const fill = (name) => `var(--${name})`;

const drawings = [];
// `draw(width)` is called now, when the width of `host` changes, when the colours change, and before printing.
function redrawn(host, draw) {
  let width = 0;
  const again = (force) => {
    const now = Math.floor(host.clientWidth);
    if (now && (force || now !== width)) draw((width = now));
  };
  drawings.push(() => again(true));
  new ResizeObserver(() => again(false)).observe(host);
  again(true);
}

const redrawAll = () => drawings.forEach((draw) => draw());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawAll);
addEventListener("beforeprint", () => { document.documentElement.dataset.theme = "light"; redrawAll(); });
addEventListener("afterprint", () => { delete document.documentElement.dataset.theme; redrawAll(); });

// A canvas of sharp pixels; returns its context in CSS pixels.
function sized(canvas, width, height) {
  const ratio = devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

function legend(pairs) {
  return h("ul", { class: "keys" }, pairs.map(([name, of]) => {
    const swatch = h("i", { "aria-hidden": "true" });
    swatch.style.background = fill(of);
    return h("li", null, swatch, name);
  }));
}

function pageIsReady() {
  for (const button of document.querySelectorAll("[data-copies]")) {
    button.addEventListener("click", async () => {
      const text = document.getElementById(button.dataset.copies);
      try {
        await navigator.clipboard.writeText(text.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(text);
        button.textContent = "Selected";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  }
  const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      links.forEach((link, name) => link.classList.toggle("here", name === entry.target.id));
    }
  }, { rootMargin: "0px 0px -75% 0px" });
  document.querySelectorAll("main section").forEach((section) => seen.observe(section));
  document.documentElement.dataset.ready = "yes";
}
