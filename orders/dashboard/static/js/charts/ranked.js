// The configuration of horizontal bars for Chart.js.

import { common, labelAxis, legend, numberAxis } from "./options.js";

const MAX_BAR_PX = 26;
const NARROW_PX = 480;
const SHORT_LABEL = 14;
const LABEL = 30;

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
          maxBarThickness: MAX_BAR_PX,
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

/** Return a label of an axis, shortened for the room that the drawing has. Chart.js calls it as a method of the axis. */
function shortened(index) {
  const label = this.getLabelForValue(index);
  const room = this.chart.width < NARROW_PX ? SHORT_LABEL : LABEL;
  return label.length > room ? `${label.slice(0, room - 1)}…` : label;
}
