// The time zones to choose from: those that the browser knows, by continent.

import { h } from "../dom.js";
import { browserZone } from "./ranges.js";

/** Names that browsers still give to zones which have been renamed in the IANA time zone database. */
const RENAMED = {
  "Africa/Asmera": "Africa/Asmara",
  "America/Buenos_Aires": "America/Argentina/Buenos_Aires",
  "America/Godthab": "America/Nuuk",
  "Asia/Calcutta": "Asia/Kolkata",
  "Asia/Katmandu": "Asia/Kathmandu",
  "Asia/Rangoon": "Asia/Yangon",
  "Asia/Saigon": "Asia/Ho_Chi_Minh",
  "Atlantic/Faeroe": "Atlantic/Faroe",
  "Europe/Kiev": "Europe/Kyiv",
  "Pacific/Ponape": "Pacific/Pohnpei",
  "Pacific/Truk": "Pacific/Chuuk",
};

/** Return the options: the browser's zone and UTC first, then each continent. */
export function zoneGroups() {
  const own = browserZone();
  const groups = new Map();
  for (const zone of Intl.supportedValuesOf("timeZone")) {
    const name = RENAMED[zone] ?? zone;
    const continent = name.split("/", 1)[0];
    if (name !== own && name.includes("/")) groups.set(continent, [...(groups.get(continent) ?? []), name]);
  }
  const first = [
    h("optgroup", { label: "This browser" }, option(own, textOf(own))),
    own !== "UTC" && option("UTC", "UTC"),
  ].filter(Boolean);
  const others = [...groups].map(([label, zones]) =>
    h(
      "optgroup",
      { label },
      zones.sort().map((zone) => option(zone, cityOf(zone))),
    ),
  );
  return [...first, ...others];
}

function option(value, text) {
  return h("option", { value }, text);
}

function cityOf(zone) {
  return textOf(zone.slice(zone.indexOf("/") + 1));
}

function textOf(zone) {
  return zone.replaceAll("_", " ");
}
