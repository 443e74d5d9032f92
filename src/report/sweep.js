// The page of a sweep: what `gather` knows of its settings and runs, beside what is known of several runs.
// SPDX-License-Identifier: GPL-3.0-or-later
'use strict';

const Sweep = (() => {
  const { h, facts, table, number, count } = Dom;

  const plural = (n, one, many) => `${count(n)} ${n === 1 ? one : many}`;
  const isNumber = (text) => text !== '' && Number.isFinite(Number(text));

  // ---- tables that can be sorted ----

  // Numbers by size, and before texts; what is empty comes last.
  function order(a, b) {
    if (a === '' || b === '') return (a === '') - (b === '');
    if (isNumber(a) && isNumber(b)) return Number(a) - Number(b);
    return isNumber(a) !== isNumber(b) ? (isNumber(a) ? -1 : 1) : a.localeCompare(b);
  }

  // heads: { text, title }; rows: { cells: elements, values: texts, by which they are sorted }. Pressing a head
  // sorts by it, pressing it again the other way round.
  function sortable(label, heads, rows) {
    const found = table(label, heads.map(() => ''), rows.map((row) => h('tr', null, row.cells)));
    const lines = [...found.querySelectorAll('tbody tr')];
    const body = found.querySelector('tbody');
    const places = [...found.querySelectorAll('thead th')];
    function sort(column) {
      const up = places[column].getAttribute('aria-sort') !== 'ascending';
      for (const place of places) place.removeAttribute('aria-sort');
      places[column].setAttribute('aria-sort', up ? 'ascending' : 'descending');
      const places_of = rows.map((_, i) => i).sort((a, b) => {
        const [x, y] = [rows[a].values[column], rows[b].values[column]];
        const by = order(x, y);
        return (x === '' || y === '' || up ? by : -by) || a - b;
      });
      body.append(...places_of.map((i) => lines[i]));
    }
    places.forEach((place, i) =>
      place.append(h('button', { type: 'button', class: 'sort', title: heads[i].title, onclick: () => sort(i) }, heads[i].text)),
    );
    return found;
  }

  // ---- sections ----

  function header(sweep) {
    return [
      h('h1', null, sweep.name),
      h('p', { class: 'under' }, `A sweep of ${plural(sweep.runs, 'run', 'runs')} \u00b7 ${plural(sweep.settings_count, 'setting', 'settings')}`),
    ];
  }

  function inShort(sweep) {
    const states = Object.entries(sweep.counts);
    const done = sweep.counts.done ?? 0;
    const missing = sweep.not_done;
    return [
      h(
        'p',
        { class: 'lead' },
        `${count(done)} of ${plural(sweep.runs, 'run is', 'runs are')} done. What varies: ${sweep.keys.join(', ')}.`,
      ),
      facts(states.map(([state, n]) => [state, count(n)])),
      missing.length
        ? [
            h('h3', null, 'Not done'),
            table(
              'Table of runs that are not done',
              ['run', 'status', 'what', 'message'],
              missing.map((one) =>
                h('tr', null, h('th', { scope: 'row' }, one.run), h('td', null, one.status), h('td', null, one.what), h('td', null, one.message)),
              ),
            ),
            sweep.runs - done > missing.length
              ? h('p', { class: 'origin' }, `The first ${count(missing.length)} of ${count(sweep.runs - done)}.`)
              : null,
          ]
        : null,
    ];
  }

  const arrows = { higher: '\u2191', lower: '\u2193', neither: '' };

  function settings(sweep) {
    const heads = [
      ...sweep.setting_keys.map((key) => ({ text: key })),
      { text: 'runs', title: 'that are done' },
      ...sweep.figures.map((f) => ({ text: `${f.label} ${arrows[f.better]}`, title: f.meaning })),
    ];
    const rows = sweep.settings.map((one, i) => {
      const cells = sweep.figures.map((f) => f.cells[i]);
      return {
        values: [...one.values, String(one.done), ...cells.map((c) => (typeof c.mean === 'number' ? String(c.mean) : ''))],
        cells: [
          ...one.values.map((value, k) => h(k ? 'td' : 'th', k ? null : { scope: 'row' }, value)),
          h('td', { class: 'number' }, one.done === one.runs ? one.done : `${one.done} of ${one.runs}`),
          ...cells.map((c) =>
            h(
              'td',
              { class: c.best ? 'number better' : 'number' },
              c.text,
              c.best ? ' *' : '',
              typeof c.spread === 'number' ? h('span', { class: 'of' }, `\u00b1 ${number(c.spread, 2)}`) : null,
            ),
          ),
        ],
      };
    });
    const hidden = sweep.settings_count - rows.length;
    return [
      h('p', { class: 'origin' }, 'Means over the runs of a setting, which differ in seeds alone, \u00b1 the deviation of one run. An asterisk marks the best where these deviations leave no doubt. A column\u2019s head sorts by it.'),
      sortable('Table of settings', heads, rows),
      hidden > 0
        ? h('p', { class: 'origin' }, `The first ${count(rows.length)} of ${count(sweep.settings_count)} settings; the CSV of invproj gather has them all.`)
        : null,
    ];
  }

  // ---- how figures depend on a key ----

  const distinct = (list) => [...new Set(list)];

  // The key with the most values that are all numbers; -1: there is none with two.
  function axisOf(sweep) {
    const counts = sweep.setting_keys.map((_, k) => {
      const values = distinct(sweep.settings.map((s) => s.values[k]));
      return values.every(isNumber) ? values.length : 0;
    });
    const most = Math.max(0, ...counts);
    return most > 1 ? counts.indexOf(most) : -1;
  }

  // A line for each combination of the other keys' values: { name, x, y, spread }, x in order.
  function linesOf(sweep, figure, axis) {
    const found = new Map();
    sweep.settings.forEach((one, i) => {
      const cell = figure.cells[i];
      if (typeof cell.mean !== 'number') return;
      const name = sweep.setting_keys
        .map((key, k) => (k === axis ? '' : `${key} ${one.values[k]}`))
        .filter(Boolean)
        .join(', ');
      if (!found.has(name)) found.set(name, []);
      found.get(name).push({ x: Number(one.values[axis]), y: cell.mean, spread: cell.spread ?? 0 });
    });
    return [...found].map(([name, points]) => {
      points.sort((a, b) => a.x - b.x);
      return { name: name || 'mean', x: points.map((p) => p.x), y: points.map((p) => p.y), spread: points.map((p) => p.spread) };
    });
  }

  const LINES = 8; // colours that can be told apart

  function dependence(sweep) {
    const axis = axisOf(sweep);
    if (axis < 0) return null;
    const key = sweep.setting_keys[axis];
    const charts = sweep.figures
      .map((figure) => ({ title: figure.label, x: key, meaning: `${figure.meaning}; bars: \u00b1 the deviation of one run`, series: linesOf(sweep, figure, axis) }))
      .filter((chart) => chart.series.length > 0 && chart.series.length <= LINES);
    return charts.length ? h('div', { class: 'charts' }, charts.map((chart) => Chart.figure(chart))) : null;
  }

  // ---- runs ----

  function runs(sweep) {
    const heads = ['run', ...sweep.keys, 'status', ...sweep.figures.map((f) => f.label), 'file'].map((text) => ({ text }));
    const rows = sweep.rows.map((one) => {
      const values = [String(one.run), ...one.values, one.status, ...one.figures, one.file];
      return { values, cells: values.map((value, i) => h(i ? 'td' : 'th', i ? { class: 'number' } : { scope: 'row' }, value)) };
    });
    return [
      h('details', null, h('summary', null, 'All of them as a table'), sortable('Table of runs', heads, rows)),
      sweep.runs > rows.length
        ? h('p', { class: 'origin' }, `The first ${count(rows.length)} of ${count(sweep.runs)}; the CSV of invproj gather has them all.`)
        : null,
    ];
  }

  function pictures(sweep) {
    if (sweep.shown === (sweep.counts.done ?? 0)) return null;
    const most = `Curves and pictures of more than ${sweep.shown_most} runs are not in the page`;
    return h(
      'p',
      { class: 'origin' },
      sweep.shown ? `${most}: here are those of the first seed of each setting. ` : `${most}. `,
      'invproj report compares any run files.',
    );
  }

  function draw(content) {
    const { sweep } = content;
    const parts = [
      { id: 'short', title: 'In short', drawn: inShort(sweep) },
      { id: 'settings', title: 'Settings', drawn: settings(sweep) },
      { id: 'dependence', title: 'What figures depend on', drawn: dependence(sweep) },
      { id: 'rows', title: 'Runs', drawn: [runs(sweep), pictures(sweep)] },
    ];
    const shown = content.comparison
      ? Page.drawComparison(content, ['overlaid', 'projected', 'made'])
      : content.runs.flatMap((run) => Page.drawRun(run, 'run0-', run.about.file));
    return [...Page.asSections(parts), ...shown];
  }

  return { header, draw };
})();
