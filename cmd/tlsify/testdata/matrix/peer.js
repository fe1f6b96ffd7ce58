// node peer.js server|client PORT CHAIN KEY ROOTS VERSION: as Peer.java.
const [role, port, chain, key, roots, version] = process.argv.slice(2), fs = require('fs'), tls = require('tls');
const options = {cert: fs.readFileSync(chain), key: fs.readFileSync(key), ca: fs.readFileSync(roots), minVersion: version, maxVersion: version};
if (role == 'server') {
  tls.createServer({...options, requestCert: true, rejectUnauthorized: false, allowHalfOpen: true}, c => {
    const all = [];
    c.on('error', () => {});
    c.on('data', d => all.push(d));
    c.on('end', () => {
      const peer = c.getPeerCertificate();
      c.end(Buffer.concat([...all, Buffer.from('client ' + (peer.subject ? 'CN=' + peer.subject.CN : 'none') + '\n')]));
    });
  }).listen(port, '127.0.0.1', () => console.log('ready'));
} else {
  const input = fs.readFileSync(0);
  let session;
  const once = left => {
    const all = [];
    const c = tls.connect({...options, host: '127.0.0.1', port, session, checkServerIdentity: () => undefined, allowHalfOpen: true}, () => {
      console.log('resumed ' + c.isSessionReused());
      if (version == 'TLSv1.3') c.end(input); else c.write(input);
    });
    let got = 0;
    c.on('session', s => session = s);
    c.on('error', e => console.log('error ' + e.message));
    c.on('data', d => { all.push(d); got += d.length; if (version != 'TLSv1.3' && got >= input.length) c.end(); });
    c.on('close', () => {
      const reply = Buffer.concat(all).subarray(0, input.length);
      console.log('reply ' + reply.length + (reply.equals(input) ? ' same' : ' other'));
      if (left > 1) once(left - 1);
    });
  };
  once(2);
}
