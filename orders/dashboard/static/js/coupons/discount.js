// The discount of one coupon, as the service computes it: whole numbers of minor units (BigInt), no rounding but half up, once.

const WHOLE = 10_000n; // 100.00 %, in hundredths of a percent

/**
 * Return what a coupon takes off a cart: {shares} by line, or {refusal, eligibleTotal} with the reason of a checkout.
 *
 * `terms` are {kind, percent, amount, buyQuantity, getQuantity, isGotApart, minimumSpend, maximumDiscount, budget}: `percent` in hundredths
 * of a percent, null for what there is not; `isGotApart` says that what is got is not what is bought. Lines are {price, quantity,
 * isEligible, isGot}.
 */
export function outcome(terms, lines) {
  const eligibleTotal = sum(
    lines.filter(({ isEligible }) => isEligible).map(({ price, quantity }) => price * quantity),
  );
  if (!lines.some(({ isEligible }) => isEligible)) return { refusal: "not_applicable", eligibleTotal };
  if (terms.minimumSpend !== null && eligibleTotal < terms.minimumSpend)
    return { refusal: "minimum_spend", eligibleTotal };
  const shares = discounts(terms, lines);
  if (sum(shares) === 0n) return { refusal: "not_applicable", eligibleTotal }; // a use is never spent for nothing
  if (terms.budget !== null && sum(shares) > terms.budget) return { refusal: "used_up", eligibleTotal };
  return { shares, eligibleTotal };
}

/** Return the discount of each line: that of the coupon, shared by largest remainder over what it can take off. */
export function discounts(terms, lines) {
  const free = terms.kind === "buy_x_get_y" ? freeUnits(terms, lines) : null;
  const bases = lines.map(
    ({ price, quantity, isEligible }, index) => price * (free ? free[index] : isEligible ? quantity : 0n),
  );
  return shareOut(discount(terms, sum(bases)), bases);
}

/** Return how many units of each line are free: the cheapest first, at equal price those of the earlier line. */
export function freeUnits({ buyQuantity, getQuantity, isGotApart }, lines) {
  const bought = sum(lines.map(({ isEligible, quantity }) => (isEligible ? quantity : 0n)));
  let wanted = (bought / (isGotApart ? buyQuantity : buyQuantity + getQuantity)) * getQuantity;
  const free = lines.map(() => 0n);
  const got = [...lines.keys()].filter((index) => (isGotApart ? lines[index].isGot : lines[index].isEligible));
  for (const index of got.sort((one, other) => compare(lines[one].price, lines[other].price) || one - other)) {
    free[index] = least(wanted, lines[index].quantity);
    wanted -= free[index];
  }
  return free;
}

export function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0n);
}

function discount({ kind, percent, amount, maximumDiscount }, base) {
  const wanted = kind === "fixed_amount" ? amount : (2n * base * percent + WHOLE) / (2n * WHOLE); // rounded half up
  return least(wanted, maximumDiscount === null ? base : least(base, maximumDiscount));
}

function shareOut(amount, bases) {
  const whole = sum(bases);
  if (whole === 0n) return bases;
  const shares = bases.map((base) => (amount * base) / whole);
  const byRemainder = [...bases.keys()].sort(
    (one, other) => compare((amount * bases[other]) % whole, (amount * bases[one]) % whole) || one - other,
  );
  for (const index of byRemainder.slice(0, Number(amount - sum(shares)))) shares[index] += 1n;
  return shares;
}

function least(one, other) {
  return one < other ? one : other;
}

function compare(one, other) {
  return one < other ? -1 : Number(one > other);
}
