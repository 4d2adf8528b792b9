// Configurations for Chart.js: series over time, and horizontal bars. Numbers are rounded for pixels only: texts are the API's.

import { rowLabels, rowTitle, tickText } from "./texts.js";

const MANY = 45; // rows above this have no points of their own
const DASH = [5, 4];
const BAR_THICKNESS = 26;
const NARROW = 480;

/**
 * Return the configuration of series over time. A series is {label, kind: "line" or "bar", colour: "first" or "second", field,
 * text(row)}, with `isFilled` and `stack` where wanted; `currency` is that of its amounts. Rows that are not complete are drawn apart:
 * dashed lines, hollow points, pale bars.
 */
export function overTime({ rows, interval, series, currency }) {
  return (colours) => ({
    type: series.some(({ kind }) => kind === "bar") ? "bar" : "line",
    data: {
      labels: rowLabels(rows, interval),
      datasets: series.map((one) => (one.kind === "bar" ? bars : line)(one, rows, colours)),
    },
    options: {
      ...common(colours),
      interaction: { mode: "index", intersect: false },
      scales: {
        x: { ...labelAxis(colours), stacked: series.some(({ stack }) => stack), grid: { display: false } },
        y: { ...numberAxis(colours, currency), stacked: series.some(({ stack }) => stack) },
      },
      plugins: {
        legend: legend(colours, series.length > 1),
        tooltip: {
          callbacks: {
            title: ([{ dataIndex }]) =>
              `${rowTitle(rows[dataIndex], interval)}${rows[dataIndex].complete ? "" : ", not complete"}`,
            label: ({ dataIndex, datasetIndex }) =>
              `${series[datasetIndex].label}: ${series[datasetIndex].text(rows[dataIndex])}`,
          },
        },
      },
    },
  });
}

/** Return the configuration of horizontal bars, each {title, value, text}, with `isLoss` where it is one; `currency` is that of amounts. */
export function ranked({ bars: shown, currency }) {
  return (colours) => ({
    type: "bar",
    data: {
      labels: shown.map(({ title }) => title),
      datasets: [
        {
          data: shown.map(({ value }) => Number(value)),
          backgroundColor: shown.map(({ value, isLoss }) =>
            isLoss || Number(value) < 0 ? colours.negative : colours.first,
          ),
          borderRadius: 4,
          maxBarThickness: BAR_THICKNESS,
        },
      ],
    },
    options: {
      ...common(colours),
      indexAxis: "y",
      interaction: { mode: "index", axis: "y", intersect: false },
      scales: {
        x: { ...numberAxis(colours, currency), border: { display: false } },
        y: {
          ...labelAxis(colours),
          grid: { display: false },
          ticks: { ...labelAxis(colours).ticks, autoSkip: false, callback: shortened },
        },
      },
      plugins: {
        legend: legend(colours, false),
        tooltip: {
          callbacks: {
            title: ([{ dataIndex }]) => shown[dataIndex].title,
            label: ({ dataIndex }) => shown[dataIndex].text,
          },
        },
      },
    },
  });
}

function line({ label, field, colour, isFilled = false }, rows, colours) {
  const isApart = (index) => !rows[index].complete;
  return {
    type: "line",
    order: 0,
    label,
    data: rows.map((row) => Number(row[field])),
    borderColor: colours[colour],
    borderWidth: isFilled ? 2.5 : 1.5,
    backgroundColor: isFilled ? colours[`${colour}-soft`] : colours.surface,
    fill: isFilled ? "origin" : false,
    segment: {
      borderDash: ({ p0DataIndex, p1DataIndex }) => (isApart(p0DataIndex) || isApart(p1DataIndex) ? DASH : undefined),
    },
    pointRadius: rows.map((row) => (!row.complete ? 4 : rows.length > MANY ? 0 : 2.5)),
    pointHoverRadius: 5,
    pointBorderColor: colours[colour],
    pointBackgroundColor: rows.map((row) => (row.complete ? colours[colour] : colours.surface)),
    tension: 0,
  };
}

function bars({ label, field, colour, stack }, rows, colours) {
  return {
    type: "bar",
    order: 1,
    label,
    stack,
    data: rows.map((row) => Number(row[field])),
    backgroundColor: rows.map((row) => colours[row.complete ? colour : `${colour}-soft`]),
    borderColor: colours[colour],
    borderWidth: rows.map((row) => (row.complete ? 0 : 1.5)),
    borderRadius: rows.length > MANY ? 0 : 3,
    maxBarThickness: 2 * BAR_THICKNESS,
    ...(rows.length > MANY && { categoryPercentage: 1, barPercentage: 1 }),
  };
}

function common(colours) {
  return {
    responsive: true,
    maintainAspectRatio: false,
    font: { family: colours.font },
    layout: { padding: { top: 8 } },
  };
}

function labelAxis(colours) {
  return { border: { color: colours.grid }, ticks: { color: colours.text, maxRotation: 0, autoSkipPadding: 16 } };
}

function numberAxis(colours, currency) {
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
function legend(colours, display) {
  return {
    display,
    position: "bottom",
    onClick: () => {},
    labels: { color: colours.text, boxWidth: 14, boxHeight: 8, padding: 16 },
  };
}

/** Return a label of an axis, shortened for the room that the drawing has. Chart.js calls it as a method of the axis. */
function shortened(index) {
  const label = this.getLabelForValue(index);
  const room = this.chart.width < NARROW ? 14 : 30;
  return label.length > room ? `${label.slice(0, room - 1)}…` : label;
}
