// Certificates of devices, made with openssl: one for all self-signed ones, and authorities with a leaf a device.
import {execFile, execFileSync} from 'node:child_process';
import {createHash, X509Certificate} from 'node:crypto';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {promisify} from 'node:util';

const run = promisify(execFile);
const folder = mkdtempSync(path.join(os.tmpdir(), 'millrace-certificates-'));
process.on('exit', () => rmSync(folder, {recursive: true, force: true}));
const file = name => path.join(folder, name);
const read = name => readFileSync(file(name), 'utf8');
const newKey = name => ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', file(name)];

writeFileSync(file('ca.conf'), 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n');
writeFileSync(file('leaf.conf'), 'basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n');

function thumbprint(pem, hash) {
  return createHash(hash).update(new X509Certificate(pem).raw).digest('hex').toUpperCase();
}

let made = 0;

export function selfSigned(name = `self-${++made}`) {
  execFileSync('openssl', ['req', '-x509', ...newKey(`${name}.key`), '-subj', `/CN=${name}`, '-days', '30', '-out', file(`${name}.pem`)],
               {stdio: 'pipe'});
  const cert = read(`${name}.pem`);
  return {cert, key: read(`${name}.key`), sha1: thumbprint(cert, 'sha1'), sha256: thumbprint(cert, 'sha256')};
}

async function signed(name, cn, issuer, extensions) {
  await run('openssl', ['req', '-new', ...newKey(`${name}.key`), '-subj', `/CN=${cn.replaceAll('/', '\\/')}`, '-out', file(`${name}.csr`)]);
  await run('openssl', ['x509', '-req', '-in', file(`${name}.csr`), '-CA', file(`${issuer}.pem`), '-CAkey', file(`${issuer}.key`),
                        '-set_serial', String(1000 + ++made), '-days', '30', '-extfile', file(extensions), '-out', file(`${name}.pem`)]);
  return {cert: read(`${name}.pem`), key: read(`${name}.key`)};
}

// An authority with an intermediate: leaf(cn) gives {cert, key}, cert being the chain that a device presents.
export async function authority(name = `authority-${++made}`) {
  execFileSync('openssl', ['req', '-new', ...newKey(`${name}.key`), '-subj', `/CN=${name}`, '-out', file(`${name}.csr`)], {stdio: 'pipe'});
  execFileSync('openssl', ['x509', '-req', '-in', file(`${name}.csr`), '-signkey', file(`${name}.key`), '-days', '30',
                           '-extfile', file('ca.conf'), '-out', file(`${name}.pem`)], {stdio: 'pipe'});
  const middle = await signed(`${name}-middle`, `${name} middle`, name, 'ca.conf');
  return {
    root: read(`${name}.pem`),
    middle: middle.cert,
    // Proof of possession: a leaf of the root's whose CN is the code that the hub asked for.
    proof: async code => (await signed(`${name}-proof-${++made}`, code, name, 'leaf.conf')).cert,
    leaf: async cn => {
      const {cert, key} = await signed(`${name}-leaf-${++made}`, cn, `${name}-middle`, 'leaf.conf');
      return {cert: cert + middle.cert, key};
    },
  };
}
