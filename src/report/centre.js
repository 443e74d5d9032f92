// Handwriting prepared as the digits of MNIST were: what src/data/centre.c and fit.c do with an image of one
// channel whose ink is white (1) on black (0).
// SPDX-License-Identifier: GPL-3.0-or-later
'use strict';

const Centre = (() => {
  const LOOK_MAX = 256; // a longer side is made so long before anything is looked for
  const WINDOW = 3; // the ground is what is wider than this part of the longer side
  const INK_PART = 0.5; // of the strongest contrast: from there on it is ink
  const CONTRAST_MIN = 0.12; // a page with less is blank
  const STROKE_PART = 0.03; // of the largest stroke: less is dust
  const EDGE_PART = 0.25; // what a stroke counts that touches the edge
  const [FULL, FILLED] = [28, 20]; // of a side, what is written fills so much

  const page = (height, width) => ({ height, width, ink: new Float32Array(height * width) });
  const round = (x) => Math.sign(x) * Math.floor(Math.abs(x) + 0.5);

  // ---- another size (fit.c) ----

  // How cell i of `many` is made of `src` old ones: from which on, with which weights.
  function weigh(src, many, i) {
    const weights = [];
    if (many <= src) {
      const [start, end] = [i * src, (i + 1) * src];
      const first = Math.floor(start / many);
      for (let j = first; j * many < end; j++)
        weights.push((Math.min((j + 1) * many, end) - Math.max(j * many, start)) / src);
      return [first, weights];
    }
    const at = Math.min(Math.max(((i + 0.5) * src) / many - 0.5, 0), src - 1);
    const first = Math.floor(at);
    if (first + 1 >= src) return [first, [1]];
    return [first, [first + 1 - at, at - first]];
  }

  // [outer, src, inner] becomes [outer, many, inner]
  function resizeAxis(from, outer, src, inner, many) {
    const to = new Float32Array(outer * many * inner);
    for (let i = 0; i < many; i++) {
      const [first, weights] = weigh(src, many, i);
      for (let o = 0; o < outer; o++)
        for (let c = 0; c < inner; c++) {
          let sum = 0;
          weights.forEach((w, j) => {
            sum += w * from[(o * src + first + j) * inner + c];
          });
          to[(o * many + i) * inner + c] = sum;
        }
    }
    return to;
  }

  // As large as it goes in with its proportions kept, in the middle.
  function fit(p, height, width) {
    const [byWidth, byHeight] = [width / p.width, height / p.height];
    let [h, w] = [height, width];
    if (byWidth < byHeight) h = Math.max(1, Math.floor(p.height * byWidth + 0.5));
    else w = Math.max(1, Math.floor(p.width * byHeight + 0.5));
    const narrow = resizeAxis(p.ink, p.height, p.width, 1, w);
    const small = resizeAxis(narrow, 1, p.height, w, h);
    const to = page(height, width);
    const [top, left] = [Math.floor((height - h) / 2), Math.floor((width - w) / 2)];
    for (let y = 0; y < h; y++)
      to.ink.set(small.subarray(y * w, (y + 1) * w), (top + y) * width + left);
    return to;
  }

  function cut(p, b) {
    const part = page(b.bottom - b.top, b.right - b.left);
    for (let y = 0; y < part.height; y++) {
      const start = (b.top + y) * p.width + b.left;
      part.ink.set(p.ink.subarray(start, start + part.width), y * part.width);
    }
    return part;
  }

  // ---- the ground ----

  // The least of each value and those up to r beside it; with sign -1, the greatest.
  function lowest(from, start, n, stride, r, sign, to) {
    const queue = [];
    let head = 0;
    for (let i = 0; i < n + r; i++) {
      if (i < n) {
        const value = sign * from[start + i * stride];
        while (queue.length > head && sign * from[start + queue[queue.length - 1] * stride] >= value)
          queue.pop();
        queue.push(i);
      }
      if (i < r) continue;
      while (queue[head] + 2 * r < i) head++;
      to[start + (i - r) * stride] = from[start + queue[head] * stride];
    }
  }

  function lowestAround(p, r, sign) {
    const spare = new Float32Array(p.ink.length);
    for (let y = 0; y < p.height; y++) lowest(p.ink, y * p.width, p.width, 1, r, sign, spare);
    for (let x = 0; x < p.width; x++) lowest(spare, x, p.height, p.width, r, sign, p.ink);
  }

  // Takes away all that is wider than a stroke can be (the top-hat transform).
  function takeGroundAway(p) {
    const image = p.ink.slice();
    const r = Math.floor(Math.max(p.height, p.width) / (2 * WINDOW)) + 1;
    lowestAround(p, r, 1);
    lowestAround(p, r, -1);
    for (let i = 0; i < image.length; i++) p.ink[i] = image[i] - p.ink[i];
  }

  // ---- the ink ----

  // The highest mean of three by three pixels.
  function strongest(p) {
    let most = 0;
    for (let y = 1; y + 1 < p.height; y++)
      for (let x = 1; x + 1 < p.width; x++) {
        let sum = 0;
        for (let k = 0; k < 9; k++)
          sum += p.ink[(y + Math.floor(k / 3) - 1) * p.width + x + (k % 3) - 1];
        most = Math.max(most, sum / 9);
      }
    return most;
  }

  // Numbers the pixels of the stroke that `start` is in; says how much ink it has, and whether it is at an edge.
  function follow(p, threshold, start, number, numbers) {
    const stroke = { ink: 0, edge: false };
    const queue = [start];
    numbers[start] = number;
    for (let first = 0; first < queue.length; first++) {
      const y = Math.floor(queue[first] / p.width);
      const x = queue[first] % p.width;
      stroke.ink += p.ink[queue[first]];
      stroke.edge = stroke.edge || y === 0 || x === 0 || y + 1 === p.height || x + 1 === p.width;
      for (let k = 0; k < 9; k++) {
        const ny = y + Math.floor(k / 3) - 1;
        const nx = x + (k % 3) - 1;
        const at = ny * p.width + nx;
        if (ny < 0 || nx < 0 || ny >= p.height || nx >= p.width) continue;
        if (numbers[at] === 0 && p.ink[at] >= threshold) {
          numbers[at] = number;
          queue.push(at);
        }
      }
    }
    return stroke;
  }

  // Takes dust away, and what comes in from the edge where there is better.
  function clean(p, threshold) {
    const numbers = new Uint32Array(p.ink.length);
    const strokes = [{ ink: 0, edge: false }];
    const weight = (s) => s.ink * (s.edge ? EDGE_PART : 1);
    let most = strokes[0];
    for (let i = 0; i < p.ink.length; i++) {
      if (numbers[i] > 0 || p.ink[i] < threshold) continue;
      const stroke = follow(p, threshold, i, strokes.length, numbers);
      strokes.push(stroke);
      if (weight(stroke) > weight(most)) most = stroke;
    }
    for (let i = 0; i < p.ink.length; i++) {
      const s = strokes[numbers[i]];
      if (numbers[i] > 0 && (s.ink < STROKE_PART * most.ink || (s.edge && !most.edge))) p.ink[i] = 0;
    }
  }

  function findInk(p, threshold) {
    const b = { top: p.height, left: p.width, bottom: 0, right: 0 };
    for (let y = 0; y < p.height; y++)
      for (let x = 0; x < p.width; x++)
        if (p.ink[y * p.width + x] >= threshold) {
          b.top = Math.min(b.top, y);
          b.left = Math.min(b.left, x);
          b.bottom = y + 1;
          b.right = Math.max(b.right, x + 1);
        }
    return b.bottom > 0 ? b : null;
  }

  // Ink becomes 0 where there is none and 1 where there is as much as usual in a stroke.
  function stretch(p, threshold) {
    const sum = [0, 0];
    const count = [0, 0];
    for (const ink of p.ink) {
      sum[+(ink >= threshold)] += ink;
      count[+(ink >= threshold)]++;
    }
    const low = count[0] ? sum[0] / count[0] : 0;
    const high = sum[1] / count[1];
    for (let i = 0; i < p.ink.length; i++)
      p.ink[i] = Math.min(1, Math.max(0, (p.ink[i] - low) / (high - low)));
  }

  // Looks for ink in the part b; null where there is none.
  function look(given, b) {
    const part = cut(given, b);
    const shrink = Math.min(1, LOOK_MAX / Math.max(part.height, part.width));
    const p = fit(
      part,
      Math.max(1, round(shrink * part.height)),
      Math.max(1, round(shrink * part.width)),
    );
    takeGroundAway(p);
    const most = strongest(p);
    const threshold = Math.fround(INK_PART * most);
    if (most < CONTRAST_MIN) return null;
    clean(p, threshold);
    const box = findInk(p, threshold);
    stretch(p, threshold);
    return box && { p, box };
  }

  // ---- into its place ----

  const filled = (side) => Math.max(1, Math.floor((side * FILLED + FULL / 2) / FULL));
  const offset = (mass, part, whole) =>
    round(Math.min(whole - part, Math.max(0, whole / 2 - mass)));

  // Its centre of mass in the middle, its strongest ink full.
  function layIn(small, height, width) {
    let [sum, ySum, xSum, most] = [0, 0, 0, 0];
    small.ink.forEach((ink, i) => {
      sum += ink;
      ySum += ink * Math.floor(i / small.width);
      xSum += ink * (i % small.width);
      most = Math.max(most, ink);
    });
    const to = page(height, width);
    const top = offset(ySum / sum, small.height, height);
    const left = offset(xSum / sum, small.width, width);
    small.ink.forEach((ink, i) => {
      to.ink[(top + Math.floor(i / small.width)) * width + left + (i % small.width)] = ink / most;
    });
    return to.ink;
  }

  function makeSmall(p, b, height, width) {
    const part = cut(p, b);
    const by = Math.min(filled(height) / part.height, filled(width) / part.width);
    return fit(part, Math.max(1, round(by * part.height)), Math.max(1, round(by * part.width)));
  }

  // What encloses the ink in the image, with half its size more on each side.
  function around(given, p, b) {
    const [byY, byX] = [given.height / p.height, given.width / p.width];
    const more = Math.max(b.bottom - b.top, b.right - b.left) / 2;
    return {
      top: Math.floor(Math.max(0, (b.top - more) * byY)),
      left: Math.floor(Math.max(0, (b.left - more) * byX)),
      bottom: Math.floor(Math.min(given.height, (b.bottom + more) * byY)),
      right: Math.floor(Math.min(given.width, (b.right + more) * byX)),
    };
  }

  // The ink of `given`, a page, as one of height x width; null where nothing is written.
  function centre(given, height, width) {
    let found = look(given, { top: 0, left: 0, bottom: given.height, right: given.width });
    if (found) {
      const { p, box } = found;
      const side = Math.max(box.bottom - box.top, box.right - box.left);
      if (3 * side < Math.max(p.height, p.width)) found = look(given, around(given, p, box));
    }
    return found && layIn(makeSmall(found.p, found.box, height, width), height, width);
  }

  return { centre, fit, page };
})();
