// Options that the configurations for Chart.js share.

import { tickText } from "./texts.js";

/** Return the options of every drawing. */
export function common(colours) {
  return {
    responsive: true,
    maintainAspectRatio: false,
    font: { family: colours.font },
    layout: { padding: { top: 8 } },
  };
}

/** Return an axis of labels. */
export function labelAxis(colours) {
  return { border: { color: colours.grid }, ticks: { color: colours.text, maxRotation: 0, autoSkipPadding: 16 } };
}

/** Return an axis of numbers, or of amounts in a currency. */
export function numberAxis(colours, currency) {
  const precision = currency ? {} : { precision: 0 };
  return {
    beginAtZero: true,
    border: { display: false },
    grid: { color: colours.grid },
    ticks: {
      color: colours.text,
      maxRotation: 0,
      maxTicksLimit: 6,
      ...precision,
      callback: (value) => tickText(value, currency),
    },
  };
}

/** Return the legend. Clicking it does nothing: what a pointer alone could hide would be lost to a keyboard. */
export function legend(colours, display) {
  return {
    display,
    position: "bottom",
    onClick: () => {},
    labels: { color: colours.text, boxWidth: 14, boxHeight: 8, padding: 16 },
  };
}
