// Figures over time. Each version has its colour everywhere; what a chart shows last stands beside its name as text.
import { byId, h, on, show } from './dom.js';
import { count, number, percent, seconds } from './format.js';
import { colour, state } from './state.js';

const height = 132;
const ranges = [
  [5, '5 min'],
  [15, '15 min'],
  [60, '1 h'],
];
let minutes = 15;

const perVersion =
  (column, scale = 1, dashed = false) =>
  (history) =>
    [...history.versions.keys()].sort(byPlace).map((name) => ({
      name,
      tone: `v${colour(name)}`,
      dashed,
      values: history.versions.get(name)[column].map((v) => (v === null ? null : v * scale)),
    }));

const byPlace = (a, b) => place(a) - place(b);
const place = (name) => state.status.versions.findIndex((v) => v.version === name);

const charts = [
  { id: 'sessions', title: 'Sessions', series: perVersion('sessions'), text: count },
  {
    id: 'requests',
    title: 'Requests per second',
    series: perVersion('requests'),
    text: (v) => number(Math.round(v * 10) / 10),
  },
  {
    id: 'errors',
    title: 'Server errors',
    series: perVersion('errors', 100),
    text: (v) => percent(v / 100),
    least: 1,
    tick: (v) => `${number(v)} %`,
  },
  {
    id: 'latency',
    title: 'Latency, p99 and p50 dashed',
    text: (v) => seconds(v / 1000),
    tick: (v) => (v < 1000 ? `${number(v)} ms` : `${number(v / 1000)} s`),
    least: 10,
    series: (history) => [
      ...perVersion('p99', 1000)(history),
      ...perVersion('p50', 1000, true)(history).map((s) => ({ ...s, name: `${s.name} p50` })),
    ],
  },
  {
    id: 'migrations',
    title: 'Sessions moving up per second',
    text: (v) => number(v),
    least: 1,
    series: ({ migrations }) => [{ name: 'moved', tone: 'accent', values: migrations }],
  },
  {
    id: 'refusals',
    title: 'Requests refused per second',
    text: (v) => number(v),
    least: 1,
    series: ({ refusals }) => [{ name: 'refused', tone: 'bad', values: refusals }],
  },
];

const drawn = new Map();

export function draw() {
  if (!state.status) return;
  show(
    byId('ranges'),
    ranges.map(([m, text]) =>
      h(
        'button',
        { type: 'button', 'data-do': 'range', 'data-minutes': m, 'aria-pressed': String(m === minutes) },
        text,
      ),
    ),
  );
  const enough = state.history.at.length > 1;
  show(
    byId('charts-empty'),
    enough ? '' : 'The first points come in a few seconds; this replica remembers the last hour since it began.',
  );
  byId('charts').hidden = !enough;
  if (!enough) return;
  for (const chart of charts) drawOne(chart);
}

on('range', (button) => {
  minutes = Number(button.getAttribute('data-minutes'));
  draw();
});

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function drawOne(chart) {
  const { at } = state.history;
  const end = at.at(-1);
  const first = Math.max(
    0,
    at.findIndex((t) => t >= end - minutes * 60),
  );
  const series = chart.series(state.history);
  const data = [at.slice(first), ...series.map((s) => s.values.slice(first))];
  const shape = series.map((s) => s.name + s.tone).join('|');
  let known = drawn.get(chart.id);
  if (!known || known.shape !== shape || known.scheme !== scheme()) {
    known?.plot.destroy();
    known = create(chart, series, data, shape, known?.figure);
    drawn.set(chart.id, known);
  } else {
    known.plot.setData(data, false);
    known.plot.setScale('x', { min: Math.min(data[0][0], end - 60), max: end });
  }
  legend(chart, known, series, data);
}

function legend(chart, known, series, data) {
  const index = known.index ?? data[0].length - 1;
  show(
    known.legend,
    series.map((s, i) => {
      const value = data[i + 1][index];
      return h(
        'li',
        { 'data-key': s.name },
        h('i', { class: `dot ${s.tone}${s.dashed ? ' hollow' : ''}`, 'aria-hidden': 'true' }),
        `${s.name} `,
        h('b', { class: 'number' }, value === null || value === undefined ? '–' : chart.text(value)),
      );
    }),
  );
}

const scheme = () => matchMedia('(prefers-color-scheme: light)').matches;
matchMedia('(prefers-color-scheme: light)').addEventListener('change', () => draw());

function create(chart, series, data, shape, figure) {
  const list = figure?.querySelector('ul') ?? h('ul', { class: 'legend' });
  const box = figure?.querySelector('.plot') ?? h('div', { class: 'plot', 'aria-hidden': 'true' });
  if (!figure) {
    figure = h('figure', { id: `chart-${chart.id}` }, h('figcaption', {}, chart.title), list, box);
    byId('charts').append(figure);
  }
  const known = { shape, scheme: scheme(), figure, legend: list, index: null, plot: null };
  const quiet = css('--quiet');
  const axis = {
    stroke: quiet,
    font: '11px system-ui',
    ticks: { show: false },
    grid: { stroke: css('--line'), width: 1 },
  };
  known.plot = new uPlot(
    {
      width: width(box),
      height,
      padding: [8, 28, 0, 0],
      legend: { show: false },
      cursor: { y: false, sync: { key: 'console' }, drag: { x: false, y: false }, points: { size: 6 } },
      scales: {
        x: { time: true },
        y: { range: (_, __, max) => [0, Math.max(chart.least ?? 5, (max ?? 0) * 1.1)] },
      },
      axes: [
        { ...axis, grid: { show: false }, size: 26, gap: 7, space: 70, values: times },
        { ...axis, size: 46, space: 28, values: (_, ticks) => ticks.map(chart.tick ?? short) },
      ],
      series: [
        {},
        ...series.map((s) => ({
          stroke: css(`--${s.tone}`),
          width: s.dashed ? 1 : 2,
          dash: s.dashed ? [4, 4] : undefined,
          fill: series.length === 1 ? `${css(`--${s.tone}`)}22` : undefined,
          points: { show: data[0].length < 3 },
          spanGaps: false,
        })),
      ],
      hooks: {
        setCursor: [
          (plot) => {
            const index = plot.cursor.idx ?? null;
            if (index === known.index) return;
            known.index = index;
            legend(chart, known, series, plot.data);
          },
        ],
      },
    },
    data,
    box,
  );
  const end = data[0].at(-1);
  known.plot.setScale('x', { min: Math.min(data[0][0], end - 60), max: end });
  return known;
}

const two = (n) => String(n).padStart(2, '0');
const times = (_, ticks, __, ___, step) =>
  ticks.map((t) => {
    const date = new Date(t * 1000);
    return `${two(date.getHours())}:${two(date.getMinutes())}${step < 60 ? `:${two(date.getSeconds())}` : ''}`;
  });

const short = (n) =>
  n >= 1_000_000 ? `${number(n / 1_000_000)}M` : n >= 10_000 ? `${number(n / 1000)}k` : number(n);

const width = (box) => Math.max(160, Math.floor(box.clientWidth || box.parentElement.clientWidth));

new ResizeObserver(() => {
  for (const { plot, figure } of drawn.values())
    plot.setSize({ width: width(figure.querySelector('.plot')), height });
}).observe(byId('charts'));
