// Drawings by Chart.js, which is loaded once and sets `window.Chart`. Their colours are custom properties of css/pages/analytics.css.

import { ProblemError } from "../api.js";
import { h } from "../dom.js";

const CHART_JS = new URL("../../vendor/chart.js", import.meta.url).href;
const RETRY_SECONDS = 5;
const ANIMATION_MS = 250;
const CALM = matchMedia("(prefers-reduced-motion: reduce)");

/** The settings of the system that change how a drawing looks. */
export const APPEARANCES = ["(prefers-color-scheme: dark)", "(forced-colors: active)"].map((query) =>
  matchMedia(query),
);

let loaded = null;

/** Load Chart.js. Throw ProblemError if it does not come. */
export function loadChartJs() {
  loaded ??= new Promise((resolve, reject) => {
    const fail = () => {
      loaded = null;
      script.remove();
      const detail = "The charts cannot be loaded. Check your connection.";
      reject(new ProblemError({ code: "unreachable", detail, retryAfter: RETRY_SECONDS }));
    };
    const script = h("script", { src: CHART_JS, onload: resolve, onerror: fail });
    document.head.append(script);
  });
  return loaded;
}

/** A canvas whose content a `sentence` says. `configure(colours)` returns its configuration for Chart.js. */
export class Drawing {
  #chart = null;

  constructor(sentence, size, configure) {
    this.configure = configure;
    this.canvas = h("canvas", { role: "img", "aria-label": sentence });
    this.element = h("div", { class: `chart chart-${size}` }, this.canvas);
  }

  /** Draw, once the element is in the document: it has a size and colours there. */
  draw({ animated = true } = {}) {
    this.remove();
    const { options, ...config } = this.configure(coloursAt(this.element));
    const animation = animated && !CALM.matches ? { duration: ANIMATION_MS } : false;
    this.#chart = new window.Chart(this.canvas, { ...config, options: { ...options, animation } });
  }

  /** Give back what the drawing holds. */
  remove() {
    this.#chart?.destroy();
    this.#chart = null;
  }
}

/** Return the colours by name: custom properties have no colour of their own, the `color` of an element has. */
function coloursAt(element) {
  const probe = h("span", { hidden: true });
  element.append(probe);
  const colourOf = (name) => {
    probe.style.color = `var(--chart-${name})`;
    return getComputedStyle(probe).color;
  };
  const names = ["first", "first-soft", "second", "second-soft", "negative", "text", "grid", "surface"];
  const colours = Object.fromEntries(names.map((name) => [name, colourOf(name)]));
  probe.remove();
  return { ...colours, font: getComputedStyle(element).fontFamily };
}
