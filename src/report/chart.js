// Curves as inline SVG, drawn as wide as there is room: over steps or, where a chart names it (x), over something
// else; with bars up and down where its series have a spread.
// SPDX-License-Identifier: GPL-3.0-or-later
'use strict';

const Chart = (() => {
  const { h, svg, table, number, count } = Dom;
  const MARGIN = { left: 66, right: 26, top: 12, bottom: 40 };
  const HEIGHT = 250;
  const LOG_FROM = 20; // times as large the greatest is as the least, from there on the scale is logarithmic

  const colour = (s, i) => `s${(s.colour ?? i) % 8}`;

  // Round numbers from low to high, about `wanted` of them.
  function ticks(low, high, wanted) {
    const rough = (high - low) / wanted;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((f) => f * power).find((s) => s >= rough) ?? rough;
    const list = [];
    for (let t = Math.ceil(low / step) * step; t <= high + step * 1e-9; t += step)
      list.push(Math.abs(t) < step * 1e-9 ? 0 : t);
    return list;
  }

  function logTicks(low, high) {
    const list = [];
    for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e++)
      for (const f of [1, 2, 5]) {
        const t = f * 10 ** e;
        if (t >= low * 0.999 && t <= high * 1.001) list.push(t);
      }
    return list.length > 7 ? list.filter((t) => Math.log10(t) % 1 === 0) : list;
  }

  // With the ends of bars, where there are some.
  const finite = (series) =>
    series
      .flatMap((s) => s.y.flatMap((y, i) => (s.spread ? [y - s.spread[i], y + s.spread[i]] : [y])))
      .filter((value) => Number.isFinite(value));

  function scaleOf(series, height) {
    const values = finite(series);
    let low = Math.min(...values);
    let high = Math.max(...values);
    const log = low > 0 && high / low > LOG_FROM;
    if (!log && high - low < 1e-12 * Math.max(1, Math.abs(high))) {
      const room = Math.abs(high) * 0.1 || 1;
      [low, high] = [low - room, high + room];
    }
    const of = log ? Math.log : (value) => value;
    const [a, b] = [of(low), of(high)];
    const room = (b - a) * 0.04 || 1;
    const span = b - a + 2 * room;
    return {
      log,
      ticks: log ? logTicks(low, high) : ticks(low, high, 5),
      at: (value) => MARGIN.top + height - ((of(value) - a + room) / span) * height,
    };
  }

  // Where a value is missing the line is broken.
  function path(s, x, y) {
    let text = '';
    let pen = 'M';
    s.y.forEach((value, i) => {
      if (!Number.isFinite(value)) {
        pen = 'M';
        return;
      }
      text += `${pen}${x(s.x[i]).toFixed(1)} ${y(value).toFixed(1)}`;
      pen = 'L';
    });
    return text;
  }

  const label = (value) => (Math.abs(value) >= 1000 ? count(value) : number(value, 3));

  // From 0 steps on; of something else from its least value on. { at: x of a value, of: value of an x, ticks }
  function acrossOf(chart, width) {
    const values = chart.series.flatMap((s) => s.x);
    const last = Math.max(...values);
    const first = chart.x ? Math.min(...values) : 0;
    const log = first > 0 && last / first > LOG_FROM;
    const to = log ? Math.log : (value) => value;
    const from = log ? Math.exp : (value) => value;
    const span = to(last) - to(first) || 1;
    return {
      ticks: log ? logTicks(first, last) : ticks(first, last, Math.max(2, Math.floor(width / 90))),
      at: (value) => MARGIN.left + ((to(value) - to(first)) / span) * width,
      of: (place) => from(to(first) + ((place - MARGIN.left) / width) * span),
    };
  }

  function axes(frame, xTicks, x, y, scale, name) {
    const { width, height } = frame;
    const bottom = MARGIN.top + height;
    return [
      scale.ticks.map((t) => [
        svg('line', { class: 'grid', x1: MARGIN.left, x2: MARGIN.left + width, y1: y(t), y2: y(t) }),
        svg('text', { class: 'tick', x: MARGIN.left - 7, y: y(t) + 4, 'text-anchor': 'end' }, label(t)),
      ]),
      xTicks.map((t) =>
        svg('text', { class: 'tick', x: x(t), y: bottom + 17, 'text-anchor': 'middle' }, label(t)),
      ),
      svg('line', { class: 'axis', x1: MARGIN.left, x2: MARGIN.left + width, y1: bottom, y2: bottom }),
      svg(
        'text',
        { class: 'tick', x: MARGIN.left + width, y: bottom + 33, 'text-anchor': 'end' },
        name,
      ),
    ];
  }

  function bars(s, of, x, y) {
    return s.x.map((at, i) => [
      svg('line', { class: `bar ${of}`, x1: x(at), x2: x(at), y1: y(s.y[i] - s.spread[i]), y2: y(s.y[i] + s.spread[i]) }),
      svg('circle', { class: `mark ${of}`, cx: x(at), cy: y(s.y[i]), r: 3.5 }),
    ]);
  }

  function nearest(s, step) {
    let best = 0;
    for (let i = 1; i < s.x.length; i++)
      if (Math.abs(s.x[i] - step) < Math.abs(s.x[best] - step)) best = i;
    return best;
  }

  function draw(chart, box, told) {
    const width = Math.max(240, box.clientWidth || 640);
    const frame = { width: width - MARGIN.left - MARGIN.right, height: HEIGHT - MARGIN.top - MARGIN.bottom };
    const across = acrossOf(chart, frame.width);
    const x = across.at;
    const name = chart.x ?? 'step';
    const scale = scaleOf(chart.series, frame.height);
    const y = scale.at;
    const cursor = svg('line', {
      class: 'cursor', x1: 0, x2: 0, y1: MARGIN.top, y2: MARGIN.top + frame.height, visibility: 'hidden',
    });
    const dots = chart.series.map((s, i) =>
      svg('circle', { class: `dot ${colour(s, i)}`, r: 4, visibility: 'hidden' }),
    );
    const show = (step) => {
      const at = chart.series.map((s) => nearest(s, step));
      cursor.setAttribute('x1', x(chart.series[0].x[at[0]]));
      cursor.setAttribute('x2', x(chart.series[0].x[at[0]]));
      cursor.setAttribute('visibility', 'visible');
      chart.series.forEach((s, i) => {
        const value = s.y[at[i]];
        dots[i].setAttribute('visibility', Number.isFinite(value) ? 'visible' : 'hidden');
        if (!Number.isFinite(value)) return;
        dots[i].setAttribute('cx', x(s.x[at[i]]));
        dots[i].setAttribute('cy', y(value));
      });
      told.textContent = chart.series
        .map((s, i) => `${s.name} ${number(s.y[at[i]], 5)} at ${name} ${label(s.x[at[i]])}`)
        .join(', ');
    };
    const hide = () => {
      for (const mark of [cursor, ...dots]) mark.setAttribute('visibility', 'hidden');
      told.textContent = '\u00a0';
    };
    const picture = svg(
      'svg',
      {
        class: 'chart', viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: 'img',
        'aria-label': describe(chart),
        onpointermove: (event) => {
          const box = picture.getBoundingClientRect();
          show(across.of(((event.clientX - box.left) * width) / box.width));
        },
        onpointerleave: hide,
      },
      axes(frame, across.ticks, x, y, scale, name),
      chart.series.map((s, i) => svg('path', { class: `line ${colour(s, i)}`, d: path(s, x, y) })),
      chart.series.map((s, i) => (s.spread ? bars(s, colour(s, i), x, y) : [])),
      cursor,
      dots,
    );
    box.replaceChildren(picture);
  }

  const first = (s) => s.y.find((value) => Number.isFinite(value));
  const final = (s) => s.y.findLast((value) => Number.isFinite(value));

  function describe(chart) {
    const lines = chart.series.map(
      (s) => `${s.name} from ${number(first(s), 4)} to ${number(final(s), 4)}`,
    );
    return `${chart.title} over ${chart.x ?? 'the steps'}: ${lines.join('; ')}`;
  }

  // About twenty rows of what is drawn.
  function values(chart) {
    const s = chart.series[0];
    const each = Math.max(1, Math.ceil(s.x.length / 20));
    const rows = [];
    for (let i = each - 1; i < s.x.length; i += each)
      rows.push(
        h(
          'tr',
          null,
          h('th', { scope: 'row' }, label(s.x[i])),
          chart.series.map((t) => h('td', null, number(t.y[nearest(t, s.x[i])], 5))),
        ),
      );
    return h(
      'details',
      null,
      h('summary', null, 'Values'),
      table(`${chart.stage ?? ''} ${chart.title}, values`, [chart.x ?? 'step', ...chart.series.map((t) => t.name)], rows),
    );
  }

  // { title, meaning, x, series: [{ name, x, y, spread, mean_of }] }
  function figure(chart, heading = 'h3') {
    const box = h('div', { class: 'plot' });
    const told = h('p', { class: 'told', 'aria-hidden': 'true' }, '\u00a0');
    const each = chart.series[0].mean_of ?? 1;
    const legend = h(
      'ul',
      { class: 'legend' },
      chart.series.map((s, i) => h('li', null, h('span', { class: `key ${colour(s, i)}` }), s.name)),
    );
    new ResizeObserver(() => draw(chart, box, told)).observe(box);
    const log = finite(chart.series).length > 0 && scaleOf(chart.series, HEIGHT).log;
    return h(
      'figure',
      { class: 'curve' },
      h(heading, null, chart.title),
      legend,
      box,
      told,
      h(
        'figcaption',
        null,
        chart.meaning[0].toUpperCase() + chart.meaning.slice(1),
        each > 1 ? `; each point is the mean of ${each} steps` : '',
        log ? '; logarithmic' : '',
        '.',
      ),
      values(chart),
    );
  }

  return { figure };
})();
