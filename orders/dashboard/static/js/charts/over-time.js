// The configuration of series over time for Chart.js. Numbers are rounded for pixels only: texts are the API's.

import { common, labelAxis, legend, numberAxis } from "./options.js";
import { rowLabels, rowTitle } from "./texts.js";

const MANY = 45; // rows above this have no points of their own
const DASH = [5, 4];
const MAX_BAR_PX = 52;

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
    maxBarThickness: MAX_BAR_PX,
    ...(rows.length > MANY && { categoryPercentage: 1, barPercentage: 1 }),
  };
}
