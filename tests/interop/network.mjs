// A network of its own for servers: a namespace with two addresses in a /28, of which the others are silent.
// Where that is not allowed, the loopback addresses stand for it.
import {execFileSync} from 'node:child_process';
import {existsSync, readdirSync} from 'node:fs';

const NAMESPACES = '/run/netns';
const ip = (...args) => execFileSync('ip', args, {stdio: 'pipe'});

function build(name, n) {
  const near = `mr${n}a`;
  const far = `mr${n}b`;
  const of = i => `10.201.${n}.${i}`;
  ip('netns', 'add', name);
  ip('link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', name);
  ip('address', 'add', `${of(1)}/28`, 'dev', near);
  ip('link', 'set', near, 'up');
  for (const i of [2, 3])
    ip('-n', name, 'address', 'add', `${of(i)}/28`, 'dev', far);
  ip('-n', name, 'link', 'set', 'lo', 'up');
  ip('-n', name, 'link', 'set', far, 'up');
  return {range: `${of(0)}/28`, first: of(2), second: of(3), inside: ['ip', 'netns', 'exec', name]};
}

// And with it the pair of links. What ends the test may end `ip`, too: so more than once.
function remove(name) {
  for (let tries = 0; tries < 3 && existsSync(`${NAMESPACES}/${name}`); tries++) {
    try {
      ip('netns', 'delete', name);
    } catch {
      // the next try, or the next test
    }
  }
}

// What tests left that were killed.
function sweep() {
  for (const name of existsSync(NAMESPACES) ? readdirSync(NAMESPACES) : []) {
    const [, pid] = /^millrace-(\d+)$/.exec(name) ?? [];
    if (pid && !existsSync(`/proc/${pid}`))
      remove(name);
  }
}

// {range, first, second, inside, isolated, remove()}: programs started with `inside` may have those two addresses.
export function network() {
  const name = `millrace-${process.pid}`;
  const away = () => remove(name);
  process.once('exit', away);
  for (const signal of ['SIGINT', 'SIGTERM'])
    process.on(signal, () => process.exit(1)); // not once: a second one would end it on its way out
  if (process.getuid() === 0)
    sweep();
  for (let tries = 0; tries < 5 && process.getuid() === 0; tries++) {
    try {
      const made = build(name, 1 + Math.floor(Math.random() * 250));
      return {...made, isolated: true, remove: away};
    } catch {
      away(); // such an address may be there already
    }
  }
  return {range: '127.0.0.0/29', first: '127.0.0.2', second: '127.0.0.3', inside: [], isolated: false, remove: away};
}
