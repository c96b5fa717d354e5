// The hub's REST where no SDK has a method for it.
import https from 'node:https';
import azureCommon from 'azure-iot-common';

const hub = process.env.MILLRACE_HUB;
const parts = azureCommon.ConnectionString.parse(process.env.MILLRACE_HUB_OWNER);
export const inSeconds = n => Math.floor(Date.now() / 1000) + n;
export const serviceSas = (seconds = 3600) =>
    azureCommon.SharedAccessSignature.create(hub, parts.SharedAccessKeyName, parts.SharedAccessKey, inSeconds(seconds)).toString();

// {status, headers, text, body}; body is an object that is sent as JSON, or bytes.
export function call(method, path, {body, headers = {}, authorization = serviceSas(), version = '2021-04-12', ...more} = {}) {
  const bytes = body === undefined || Buffer.isBuffer(body) || typeof body === 'string' ? body : JSON.stringify(body);
  const query = version ? `${path.includes('?') ? '&' : '?'}api-version=${version}` : '';
  return new Promise((resolve, reject) => {
    const r = https.request({host: hub, path: path + query, method, agent: false, ...more,
                             headers: {...authorization && {Authorization: authorization}, 'Content-Type': 'application/json', ...headers}}, a => {
      let text = '';
      a.on('data', d => { text += d; });
      a.on('end', () => {
        let parsed;
        try {
          parsed = text && JSON.parse(text);
        } catch {
          // the text is what there is
        }
        resolve({status: a.statusCode, headers: a.headers, text, body: parsed});
      });
    });
    r.on('error', reject);
    r.end(bytes);
  });
}

// Tells the hub to trust an authority, as its owner does it: upload, code, a certificate of that name.
export async function trust(authority, name) {
  const done = (answer, status) => {
    if (answer.status !== status)
      throw new Error(`the authority was refused: ${answer.status} ${answer.text}`);
    return answer;
  };
  const put = done(await call('PUT', `/certificates/${name}`, {body: {properties: {certificate: authority.root}}}), 201);
  const code = done(await call('POST', `/certificates/${name}/generateVerificationCode`, {headers: {'If-Match': put.headers.etag}}), 200);
  const proof = await authority.proof(code.body.properties.verificationCode);
  done(await call('POST', `/certificates/${name}/verify`, {body: {certificate: Buffer.from(proof).toString('base64')},
                                                          headers: {'If-Match': code.headers.etag}}), 200);
}
