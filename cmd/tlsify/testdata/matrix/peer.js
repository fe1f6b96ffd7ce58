// As peer.c, on Node.js.
const fs = require('fs'), tls = require('tls'), net = require('net');
const [role, port, version, identity, roots, host, ...tasks] = process.argv.slice(2);
const PIECE = 16000, PIECES = 14;
if (role == 'about') {
  console.log(`name Node.js ${process.versions.node} (OpenSSL ${process.versions.openssl})`);
  console.log('cannot truncation does not tell a stream that was cut off from one that has ended');
  console.log('cannot resumption-as-client keeps no session above 10 KiB, and has the chain in it');
  console.log('cannot KeyUpdate has no function that sends a KeyUpdate');
  process.exit(0);
}
const options = {cert: fs.readFileSync(identity + '.pem'), key: fs.readFileSync(identity + '.key'), ca: fs.readFileSync(roots), minVersion: version, maxVersion: version};
const trailer = c => {
  const peer = c.getPeerCertificate();
  return `client ${peer.subject ? 'CN=' + peer.subject.CN : 'none'} resumed ${c.isSessionReused() ? 1 : 0} updates 0\n`;
};
function serve(c, raw) {
  let all = Buffer.alloc(0), task, want = 0, failed = false;
  c.on('error', () => { failed = true; });
  c.on('close', () => { if (task && task[0] == 'gone') console.log('gone ' + (failed || !c.readableEnded ? 'truncated' : 'closed')); });
  const echo = d => {
    c.write(d);
    want -= d.length;
    if (want <= 0) c.end(trailer(c));
  };
  c.on('data', d => {
    if (task && task[0] == 'echo') return echo(d);
    all = Buffer.concat([all, d]);
    const end = all.indexOf('\n');
    if (task || end < 0) return;
    task = all.subarray(0, end).toString().split(' ');
    all = all.subarray(end + 1);
    if (task[0] == 'echo') { want = Number(task[1]); if (all.length) echo(all); }
    if (task[0] == 'cut') c.write('partial\n', () => setTimeout(() => raw.destroy(), 100));
  });
  c.on('end', () => {
    if (task && task[0] == 'late') c.end(Buffer.concat([all, Buffer.from(trailer(c))]));
    else c.end();
  });
}
let session;
function ask(left) {
  if (left.length == 0) process.exit(0);
  const task = left[0], sent = Buffer.alloc(PIECE * PIECES), back = [];
  for (let i = 0; i < sent.length; i++) sent[i] = (i >> 5) * 7 + i;
  let got = 0, pieces = 0, how = 'truncated';
  const raw = net.connect({port, host: '127.0.0.1', allowHalfOpen: true});
  const c = tls.connect({...options, socket: raw, servername: host, session, allowHalfOpen: true}, () => {
    if (task == 'late') c.end(sent);
    else if (task == 'drop') c.write(sent.subarray(0, 1000));
    else if (task == 'echo') c.write(sent.subarray(0, PIECE));
  });
  c.on('session', s => session = s);
  c.on('error', e => console.error(e.message));
  c.on('end', () => { how = 'closed'; if (!c.writableEnded) c.end(); });
  c.on('data', d => {
    back.push(d); got += d.length;
    if (task == 'echo' && got >= (pieces + 1) * PIECE && pieces < PIECES) {
      pieces++;
      if (pieces == PIECES) c.end(); else c.write(sent.subarray(pieces * PIECE, (pieces + 1) * PIECE));
    }
    if (task == 'drop' && got >= 1000) raw.destroy();
  });
  raw.on('close', () => setImmediate(() => {
    if (task == 'cut') console.log('cut ' + how);
    else if (task == 'drop') console.log('drop done');
    else console.log(`${task} ${Buffer.concat(back).equals(sent) ? 'same' : 'other'} ${how} resumed ${c.isSessionReused() ? 1 : 0} updates 0`);
    ask(left.slice(1));
  }));
}
if (role == 'server') {
  const secureContext = tls.createSecureContext({...options, sessionIdContext: 'matrix'});
  net.createServer({allowHalfOpen: true}, raw => {
    serve(new tls.TLSSocket(raw, {isServer: true, secureContext, requestCert: true, rejectUnauthorized: false, allowHalfOpen: true}), raw);
  }).listen(port, '127.0.0.1');
} else {
  ask(tasks);
}
