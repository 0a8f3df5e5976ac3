// Asks before something is done. What cannot be undone asks for a name to be typed.
import { byId, show } from './dom.js';

const dialog = byId('dialog');
let current = null;

// { title, text, ok, name: what to type or null, label, danger, act: async () => void }
// The dialog stays open with the reason when the act fails.
export function ask(question) {
  current = question;
  show(byId('dialog-title'), question.title);
  show(byId('dialog-text'), question.text);
  show(byId('dialog-ok'), question.ok);
  show(byId('dialog-problem'));
  byId('dialog-confirm').hidden = !question.name;
  byId('dialog-name').value = '';
  if (question.name) show(byId('dialog-label'), `Type ${question.name} to confirm`);
  dialog.classList.toggle('danger', Boolean(question.name));
  weigh();
  if (!dialog.open) dialog.showModal();
  (question.name ? byId('dialog-name') : byId('dialog-ok')).focus();
}

const isConfirmed = () => !current?.name || byId('dialog-name').value.trim() === current.name;

function weigh() {
  byId('dialog-ok').disabled = !isConfirmed();
}

byId('dialog-name').addEventListener('input', weigh);
byId('dialog-cancel').addEventListener('click', () => dialog.close());
dialog.addEventListener('close', () => {
  current = null;
});
byId('dialog-form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const question = current;
  if (!question || !isConfirmed()) return;
  byId('dialog-ok').disabled = true;
  try {
    await question.act();
    // The act may have asked something else.
    if (current === question) dialog.close();
  } catch (error) {
    if (current !== question) return;
    show(byId('dialog-problem'), error.message);
    weigh();
  }
});
