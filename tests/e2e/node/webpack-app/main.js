import { text } from './text.js';

const render = (value) => {
  document.querySelector('#app').textContent = value;
};

render(text);

module.hot.accept('./text.js', () => render(text));
