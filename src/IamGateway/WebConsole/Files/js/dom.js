// Makes and updates elements. Text goes in as text only; nothing is ever parsed as HTML.

// h('p', { class: 'quiet', 'data-do': 'x' }, 'text', node, [more]): null and false children are left out.
export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    // The page's policy forbids style attributes in text; script may set properties.
    if (name === 'share') element.style.setProperty('--share', `${value * 100}%`);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return element;
}

export const byId = (id) => document.getElementById(id);

// Brings the children of an element to what they should be and keeps those that are there: focus, scroll positions
// and what somebody types survive.
export function show(parent, ...wanted) {
  const fresh = wanted
    .flat(Infinity)
    .filter((n) => n !== null && n !== undefined && n !== false)
    .map((n) => (n instanceof Node ? n : document.createTextNode(String(n))));
  let old = parent.firstChild;
  for (const node of fresh) {
    const match = find(old, node);
    if (!match) {
      parent.insertBefore(node, old);
      continue;
    }
    if (match !== old) parent.insertBefore(match, old);
    else old = old.nextSibling;
    patch(match, node);
  }
  while (old) {
    const next = old.nextSibling;
    old.remove();
    old = next;
  }
}

function find(old, node) {
  const key = keyOf(node);
  if (key === null) return old && keyOf(old) === null && alike(old, node) ? old : null;
  for (let candidate = old; candidate; candidate = candidate.nextSibling) {
    if (keyOf(candidate) === key && alike(candidate, node)) return candidate;
  }
  return null;
}

const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.getAttribute('data-key') : null);
const alike = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName;

function patch(old, node) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== node.nodeValue) old.nodeValue = node.nodeValue;
    return;
  }
  for (const { name, value } of [...node.attributes]) {
    if (name === 'style') old.style.cssText = node.style.cssText;
    else if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    // Whether details are open is the reader's.
    if (!node.hasAttribute(name) && !(name === 'open' && old.nodeName === 'DETAILS')) {
      old.removeAttribute(name);
    }
  }
  show(old, [...node.childNodes]);
}

const actions = new Map();

// Clicks on [data-do=name] anywhere; one listener for all, because elements come and go.
export const on = (name, action) => actions.set(name, action);

document.addEventListener('click', (event) => {
  const target = event.target instanceof Element ? event.target.closest('[data-do]') : null;
  if (target && !target.disabled) actions.get(target.getAttribute('data-do'))?.(target);
});
