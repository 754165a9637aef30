import { text } from './text.js';

const render = (value) => {
  document.querySelector('#app').textContent = value;
};

render(text);

import.meta.hot.accept('./text.js', (changed) => render(changed.text));
