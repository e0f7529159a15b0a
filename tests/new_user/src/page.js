// What the README leaves to its reader: where to show things, where the server is, who the user is.
export const url = new URLSearchParams(location.search).get('url');
export const getToken = async () => 'secret';
export const bye = document.querySelector('#toggle');
export const show = (text) => {
  const isState = /^(connected|lost|over)/.test(text);
  if (isState) document.querySelector('[role=status]').textContent = text;
  else document.querySelector('ol').append(Object.assign(document.createElement('li'), { textContent: text }));
};
