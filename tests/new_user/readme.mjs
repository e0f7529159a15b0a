// What a new user copies: the examples of the package's README, word for word, as modules in src/readme/.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';

const readme = readFileSync('node_modules/heartline/README.md', 'utf8');

/** The first block of code in this language behind the heading, or from the top. */
function block(language, heading = '# heartline') {
  const from = readme.indexOf(`${heading}\n`);
  const [, code] = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'ms').exec(from < 0 ? '' : readme.slice(from)) ?? [];
  if (!code) throw new Error(`the README has no ${language} under ${heading}`);
  return code;
}

/** The first example, with a server of ours and an end that its user chooses. */
function plain() {
  const code = block('js').replace("'wss://example.com/live'", 'url');
  return code.replace('socket.close();', 'bye.onclick = () => socket.close();');
}

mkdirSync('src/readme', { recursive: true });
writeFileSync('src/readme/plain.js', `import { bye, getToken, show, url } from '../page.js';\n${plain()}`);
writeFileSync('src/readme/react.tsx', block('tsx', '## React'));
writeFileSync('src/readme/vue.ts', block('ts', '## Vue'));
