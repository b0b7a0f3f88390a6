import assert from "node:assert/strict";
import { test } from "node:test";
import { layOut, way } from "./ring-geometry";

// Phone, laptop and projector: the size of the stage, and of its text.
const boxes = [[310, 280, 15], [650, 260, 17], [1000, 480, 21], [650, 130, 17]] as const;

test("one to nine servers fit into every box", () => {
  for (const [width, height, em] of boxes) {
    for (let n = 1; n <= 9; n++) {
      const { places, radius } = layOut(n, width, height, em);
      assert.equal(places.length, n);
      for (const place of places) {
        const where = `${n} servers in ${width}x${height}: ${JSON.stringify(place)}`;
        assert.ok(place.x - radius >= 0 && place.x + radius <= width, where);
        if (height > 200) assert.ok(place.y - radius >= 0 && place.y + radius <= height, where);
        assert.ok(Number.isFinite(place.x) && Number.isFinite(place.y), where);
      }
    }
  }
});

test("discs do not overlap where there is room", () => {
  for (const [width, height, em] of boxes.slice(1, 3)) {
    for (let n = 2; n <= 9; n++) {
      const { places, radius } = layOut(n, width, height, em);
      places.forEach((a, i) => places.slice(i + 1).forEach((b) => {
        assert.ok(Math.hypot(a.x - b.x, a.y - b.y) > 2 * radius, `${n} servers in ${width}x${height}`);
      }));
    }
  }
});

test("two ways between discs lie side by side", () => {
  const a = { x: 0, y: 0 };
  const b = { x: 100, y: 0 };
  assert.deepEqual(way(a, b, 10, 5), { from: { x: 10, y: 5 }, to: { x: 90, y: 5 } });
  const back = way(b, a, 10, 5);
  assert.deepEqual([back.from.y, back.to.y], [-5, -5]);
});
