/** Puts a line at the end of the page's list, which keeps the last hundred. */
export function show(text) {
  const list = document.querySelector('ol');
  const line = document.createElement('li');
  line.textContent = text;
  list.append(line);
  while (list.children.length > 100) list.firstChild.remove();
  list.scrollTop = list.scrollHeight;
}
