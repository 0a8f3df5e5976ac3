// How values look; the same as in iamgw.

export const count = (n) => Math.round(n ?? 0).toLocaleString('en-US');

export const plural = (n, one, many = `${one}s`) => `${count(n)} ${Math.round(n) === 1 ? one : many}`;

export const percent = (share) => `${trimmed(share * 100)} %`;

const trimmed = (n) => String(Math.round(n * 100) / 100);

export const number = (n) => trimmed(n);

export function seconds(value) {
  if (value === null || value === undefined || value <= 0) return '–';
  if (value < 0.01) return `${(value * 1000).toFixed(1)} ms`;
  return value < 1 ? `${Math.round(value * 1000)} ms` : `${value.toFixed(2)} s`;
}

// The two largest units: 1d 3h, 8h, 6m 12s, 42s.
export function span(milliseconds) {
  let rest = Math.ceil(Math.max(0, milliseconds) / 1000);
  const parts = [];
  for (const [size, unit] of [
    [86400, 'd'],
    [3600, 'h'],
    [60, 'm'],
    [1, 's'],
  ]) {
    parts.push([Math.floor(rest / size), unit]);
    rest %= size;
  }
  const first = parts.findIndex(([n]) => n > 0);
  if (first < 0) return '0s';
  return parts
    .slice(first, first + 2)
    .filter(([n]) => n > 0)
    .map(([n, unit]) => n + unit)
    .join(' ');
}

const two = (n) => String(n).padStart(2, '0');

// The time of day where the reader is, with the day if that is another one.
export function at(text) {
  const date = new Date(text);
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return date.toDateString() === new Date().toDateString()
    ? time
    : `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${time}`;
}

export const list = (names) =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
