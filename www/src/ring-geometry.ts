// Where things are on the ring. Plain arithmetic on pixels.

export interface Point { x: number; y: number }

/** Where a server's name stands beside its disc: outside the ring. */
export type Side = "above" | "below" | "left" | "right";

export interface Place extends Point { label: Side }

/** The measures of a ring of servers drawn into a box. */
export interface Geometry {
  centre: Point;
  /** Half axes of the ring. */
  rx: number;
  ry: number;
  /** Radius of a server's disc. */
  radius: number;
  /** So many servers that there is room for two lines beside each, not three. */
  crowded: boolean;
  places: Place[];
}

/** More servers than this are a crowd. */
const crowd = 4;
/** Height of a line of text beside a disc, width of the longest name (more than five
 * have to do with less), and the least room around things, in units of the text
 * size. */
const lineHeight = 1.25;
const longestName = 9.2;
const crowdedName = 7.6;
const gap = 0.4;
/** Narrower boxes, in the same unit, have no labels beside discs. */
const narrow = 34;

/** Places n servers in a box of the given size; em is the size of text. */
export function layOut(n: number, width: number, height: number, em: number): Geometry {
  const crowded = n > crowd;
  const size = n <= 3 ? 0.15 : n <= 5 ? 0.12 : n <= 7 ? 0.1 : 0.085;
  const radius = clamp(Math.min(width, height) * size, 1.2 * em, 3.6 * em);
  const labelHeight = (crowded ? 2 : 3) * lineHeight + gap;
  if (n === 1) {
    const centre = { x: width / 2, y: Math.max(radius + em, (height - labelHeight * em) / 2) };
    return { centre, rx: 0, ry: 0, radius, crowded, places: [{ ...centre, label: "below" }] };
  }
  // The ring is at most this much wider than high: a crowd needs length.
  const widest = n <= crowd ? 1.7 : n <= 5 ? 2.2 : 2.8;
  const beside = width >= narrow * em;
  const spots = Array.from({ length: n }, (_, i) => {
    // An odd number starts at the top; an even number is turned by half a step,
    // so that two stand side by side and four have their names at the sides.
    const angle = ((n % 2 === 0 ? i - 0.5 : i) / n) * 2 * Math.PI - Math.PI / 2;
    const spot = { cos: Math.cos(angle), sin: Math.sin(angle) };
    return { ...spot, label: labelSide(spot.cos, spot.sin, beside) };
  });
  const lines = (label: Side, side: Side) => (label === side ? labelHeight : gap) * em + radius;
  const top = (ry: number) => Math.max(ry + gap * em, ...spots.map((s) => lines(s.label, "above") - s.sin * ry));
  const bottom = (ry: number) => Math.max(ry + gap * em, ...spots.map((s) => lines(s.label, "below") + s.sin * ry));
  let ry = height / 2;
  while (ry > 0 && top(ry) + bottom(ry) > height) ry -= 1;
  const room = spots.map((s) => {
    const aside = s.label === "left" || s.label === "right" ? radius + (n <= 5 ? longestName : crowdedName) * em : Math.max(radius, 3.7 * em);
    return (width / 2 - aside) / Math.max(Math.abs(s.cos), 0.01);
  });
  const rx = Math.max(0, Math.min(ry * widest + radius, ...room));
  ry = Math.max(0, Math.min(ry, rx * widest));
  const centre = { x: width / 2, y: top(ry) + Math.max(0, height - top(ry) - bottom(ry)) / 2 };
  const places = spots.map((s) => ({ x: centre.x + rx * s.cos, y: centre.y + ry * s.sin, label: s.label }));
  return { centre, rx, ry, radius, crowded, places };
}

function labelSide(cos: number, sin: number, beside: boolean): Side {
  if (beside && Math.abs(sin) < 0.76) return cos < 0 ? "left" : "right";
  return sin < -0.01 ? "above" : "below";
}

/** A straight way between two discs, this much short of either centre; aside shifts it to the
 * right of its direction, so that both directions can be told apart. */
export function way(from: Point, to: Point, short: number, aside: number): { from: Point; to: Point } {
  const dx = to.x - from.x;
  const dy = to.y - from.y;
  const length = Math.hypot(dx, dy) || 1;
  const ux = dx / length;
  const uy = dy / length;
  return {
    from: { x: from.x + ux * short - uy * aside, y: from.y + uy * short + ux * aside },
    to: { x: to.x - ux * short - uy * aside, y: to.y - uy * short + ux * aside },
  };
}

export function clamp(x: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, x));
}
