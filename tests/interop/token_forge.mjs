// An issuer that signs whatever it is asked to: its documents over HTTP, good tokens, and all kinds of bad ones.
import {constants, createHmac, createPublicKey, generateKeyPairSync, sign} from 'node:crypto';
import http from 'node:http';

export const AUDIENCE = 'api://millrace';
export const part = value => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
export const now = () => Math.floor(Date.now() / 1000);

export const rsa = generateKeyPairSync('rsa', {modulusLength: 2048});
export const foreign = generateKeyPairSync('rsa', {modulusLength: 2048});
export const ec = generateKeyPairSync('ec', {namedCurve: 'P-256'});
export const jwk = (key, more) => ({...key.publicKey.export({format: 'jwk'}), use: 'sig', ...more});

export const signers = {
  RS256: text => sign('sha256', Buffer.from(text), rsa.privateKey),
  RS512: text => sign('sha512', Buffer.from(text), rsa.privateKey),
  PS256: text => sign('sha256', Buffer.from(text), {key: rsa.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32}),
  ES256: text => sign('sha256', Buffer.from(text), {key: ec.privateKey, dsaEncoding: 'ieee-p1363'}),
  foreign: text => sign('sha256', Buffer.from(text), foreign.privateKey),
  none: () => '',
  hmac: key => text => createHmac('sha256', key).update(text).digest(),
};

export class Forge {
  keys = [jwk(rsa, {kid: 'rsa', alg: 'RS256'}), jwk(ec, {kid: 'ec', alg: 'ES256'})];
  asked = []; // paths

  async open() {
    this.server = http.createServer((request, response) => {
      this.asked.push(request.url);
      const documents = {
        '/.well-known/openid-configuration': () => ({issuer: this.url, jwks_uri: `${this.url}/keys`}),
        '/keys': () => ({keys: this.keys}),
      };
      response.writeHead(documents[request.url] ? 200 : 404, {'Content-Type': 'application/json'});
      response.end(JSON.stringify(documents[request.url]?.() ?? {}));
    });
    await new Promise(resolve => this.server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${this.server.address().port}`;
    return this;
  }

  async close() {
    this.server.closeAllConnections();
    await new Promise(resolve => this.server.close(resolve));
  }

  claims(more) {
    return {iss: this.url, aud: AUDIENCE, sub: 'tester', iat: now(), nbf: now() - 5, exp: now() + 300, roles: ['Admin'], ...more};
  }

  token({header = {}, body, signer = signers.RS256} = {}) {
    const text = `${part({alg: 'RS256', typ: 'JWT', kid: 'rsa', ...header})}.${part(body ?? this.claims())}`;
    return `${text}.${Buffer.from(signer(text)).toString('base64url')}`;
  }

  // Values of Authorization that nobody may get in with, by what is wrong with them; `more` is what a good token has.
  bad(more = {}) {
    const claims = others => ({body: this.claims({...more, ...others})});
    const pem = rsa.publicKey.export({type: 'spki', format: 'pem'});
    const good = this.token(claims());
    const [header, , signature] = good.split('.');
    const tokens = {
      'garbage': 'garbage',
      'expired': this.token(claims({exp: now() - 3600})),
      'without an end': this.token(claims({exp: undefined})),
      'not valid yet': this.token(claims({nbf: now() + 3600})),
      'of another issuer': this.token(claims({iss: 'https://other.example'})),
      'for another audience': this.token(claims({aud: 'api://other'})),
      'of another tenant': this.token(claims({tid: 'other'})),
      'of no tenant': this.token(claims({tid: undefined})),
      'alg none': this.token({...claims(), header: {alg: 'none'}, signer: signers.none}),
      'alg none, signed': this.token({...claims(), header: {alg: 'none'}}),
      'HS256 with the public key': this.token({...claims(), header: {alg: 'HS256'}, signer: signers.hmac(pem)}),
      'HS256 with the public key as DER': this.token({...claims(), header: {alg: 'HS256'}, signer: signers.hmac(createPublicKey(pem).export({type: 'spki', format: 'der'}))}),
      'RS512': this.token({...claims(), header: {alg: 'RS512'}, signer: signers.RS512}),
      'with an unknown key': this.token({...claims(), header: {kid: 'unknown'}, signer: signers.foreign}),
      'with a foreign key': this.token({...claims(), signer: signers.foreign}),
      'with a key of its own': this.token({...claims(), header: {jwk: jwk(foreign)}, signer: signers.foreign}),
      'with other claims': `${header}.${part(this.claims({...more, sub: 'another'}))}.${signature}`,
      'without a signature': good.slice(0, good.lastIndexOf('.') + 1),
    };
    const values = Object.fromEntries(Object.entries(tokens).map(([what, token]) => [what, `Bearer ${token}`]));
    return {'none': undefined, 'another scheme': `Basic ${part('admin:admin')}`, 'an API key': 'ApiKey 123', 'bare': good, ...values};
  }
}
