// The list of coupons, and a batch of them: its figures and its codes as a file.

import { change, get } from "../api.js";
import { csvButton } from "../components/download.js";
import { Filters } from "../components/filters.js";
import { LiveList } from "../components/live-list.js";
import { BatchPanel } from "../coupons/batch-panel.js";
import { FUNDERS, KINDS, ofLimit, worth } from "../coupons/words.js";
import { h } from "../dom.js";
import { amount, badge, number, time } from "../format.js";

const ORDERINGS = [
  ["-created_at", "Newest first"],
  ["created_at", "Oldest first"],
  ["code", "Code A–Z"],
  ["-code", "Code Z–A"],
];
const FILTERS = [
  { name: "q", label: "Code", kind: "search", placeholder: "Begins with" },
  { name: "kind", label: "Kind", kind: "choice", options: KINDS },
  { name: "is_active", label: "Enabled", kind: "choice", options: [["true", "Enabled"], ["false", "Disabled"]] },
];
const ADMIN_FILTERS = [
  { name: "vendor_id", label: "Vendor", kind: "text" },
  { name: "funded_by", label: "Funded by", kind: "choice", options: FUNDERS },
];
