package pq

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tlsify/engine"
	"tlsify/engine/enginetest"
)

// Node.js 24 and later as the peer: the OpenSSL 3.5 inside has ML-KEM, the
// hybrids and ML-DSA. TLSIFY_TEST_NODE names it where PATH has an older one.

func needNode(t *testing.T) string {
	t.Helper()
	name := os.Getenv("TLSIFY_TEST_NODE")
	if name == "" {
		name = "node"
	}
	out, err := exec.Command(name, "-p", "process.versions.openssl").Output()
	version := strings.TrimSpace(string(out))
	if err != nil || version < "3.5" {
		t.Skipf("no Node.js with OpenSSL 3.5 or later (TLSIFY_TEST_NODE); found %q", version)
	}
	return name
}

const nodeServer = `
const tls = require('tls'), fs = require('fs')
const [cert, key, ca, groups, auth] = process.argv.slice(1)
tls.createServer({
	cert: fs.readFileSync(cert), key: fs.readFileSync(key), ca: fs.readFileSync(ca), ecdhCurve: groups,
	minVersion: 'TLSv1.3', requestCert: auth === 'yes', rejectUnauthorized: true, ALPNProtocols: ['echo'],
}, s => { s.on('error', e => console.error(e)); s.pipe(s) })
	.on('tlsClientError', e => console.error(e))
	.on('keylog', line => console.log('KEYLOG ' + line.toString().trim()))
	.listen(0, '127.0.0.1', function () { console.log('PORT ' + this.address().port) })
`

const nodeClient = `
const tls = require('tls'), fs = require('fs')
const [port, cert, key, ca, groups, name] = process.argv.slice(1)
const options = {
	host: '127.0.0.1', port, servername: name, ca: fs.readFileSync(ca), ecdhCurve: groups,
	cert: fs.readFileSync(cert), key: fs.readFileSync(key), minVersion: 'TLSv1.3', ALPNProtocols: ['echo'],
}
const data = Buffer.alloc(300000, 'tlsify')
const once = (session, next) => {
	let ticket, got = []
	const s = tls.connect({ ...options, session }, () => s.write(data))
	s.on('session', t => { ticket = t })
	s.on('error', e => { console.error(e); process.exit(1) })
	s.on('data', d => {
		got.push(d)
		if (got.reduce((n, d) => n + d.length, 0) < data.length) return
		console.log('SAME ' + Buffer.concat(got).equals(data) + ' ' + s.isSessionReused())
		s.end()
	})
	s.on('close', () => next(ticket))
}
once(undefined, ticket => once(ticket, () => {}))
`

var nodeGroups = []string{"X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024",
	"MLKEM512", "MLKEM768", "MLKEM1024", "x25519", "secp256r1", "secp384r1"}

// nodeName is what Node.js calls a group.
func nodeName(group string) string {
	switch group {
	case "secp256r1":
		return "P-256"
	case "secp384r1":
		return "P-384"
	case "x25519":
		return "X25519"
	}
	return group
}

// nodeCases is every group with one kind of key, and every kind of key with one
// group.
func nodeCases() (cases [][2]string) {
	for _, group := range nodeGroups {
		cases = append(cases, [2]string{group, "mldsa44"})
	}
	for _, kind := range testKinds {
		cases = append(cases, [2]string{"X25519MLKEM768", kind})
	}
	return cases
}

func TestClientWithNode(t *testing.T) {
	node := needNode(t)
	for _, tt := range nodeCases() {
		group, kind := tt[0], tt[1]
		t.Run(group+" "+kind, func(t *testing.T) {
			cert, key := writeIdentity(t, testIdentity(kind))
			p := start(t, node, "-e", nodeServer, cert, key, cert, nodeName(group), "yes")
			port := p.expect(t, "PORT ")
			c, _ := configs(kind)
			c.Identity, c.ALPN, c.Groups = testIdentity(kind), []string{"echo"}, []string{group}
			c.KeepTicket = func(ticket []byte) { c.Ticket = ticket }
			for i := range 2 {
				session := dial(t, port, c)
				if state := session.State(); state.Group != group || state.ALPN != "echo" || state.Resumed != (i > 0) {
					t.Errorf("connection %d: %+v", i, state)
				}
				session.Write([]byte("hello"))
				line(t, session, "hello")
				session.CloseWrite()
			}
		})
	}
}

func TestServerWithNode(t *testing.T) {
	node := needNode(t)
	for _, tt := range nodeCases() {
		group, kind := tt[0], tt[1]
		t.Run(group+" "+kind, func(t *testing.T) {
			cert, key := writeIdentity(t, testIdentity(kind))
			_, s := configs(kind)
			s.ClientAuth, s.Verify = engine.ClientAuthRequire, expectPeer(testIdentity(kind))
			s.ALPN, s.TicketKeys, s.Groups = []string{"echo"}, [][32]byte{{8}}, []string{group}
			port, accepted := listen(t, s)
			p := start(t, node, "-e", nodeClient, port, cert, key, cert, nodeName(group), testName)
			// Node.js keeps no session above 10 KiB, and one with our ticket,
			// which holds the client's certificate, and the server's certificate
			// beside it is larger than that.
			second := "true true"
			if kind == "mldsa65" || kind == "mldsa87" {
				second = "true false"
			}
			for _, want := range []string{"true false", second} {
				session := accepted()
				if session.State().Group != group {
					t.Errorf("group %s", session.State().Group)
				}
				go echoAll(session)
				if got := p.expect(t, "SAME "); got != want {
					t.Errorf("same, resumed: %s; want %s", got, want)
				}
			}
		})
	}
}

// TestHelloRetryRequestWithNode has only a group in common that no key share
// was sent for.
func TestHelloRetryRequestWithNode(t *testing.T) {
	node := needNode(t)
	cert, key := writeIdentity(t, testIdentity("mldsa44"))
	p := start(t, node, "-e", nodeServer, cert, key, cert, "SecP384r1MLKEM1024", "no")
	c, _ := configs("mldsa44")
	session := dial(t, p.expect(t, "PORT "), c)
	if session.State().Group != "SecP384r1MLKEM1024" {
		t.Errorf("group %s", session.State().Group)
	}
}

// echoAll sends back what comes, to the peer's close_notify.
func echoAll(s engine.Session) {
	p := make([]byte, 1<<16)
	for {
		n, err := s.Read(p)
		if err != nil {
			s.CloseWrite()
			return
		}
		s.Write(p[:n])
	}
}

// nodeChains are chains of several certificates, which OpenSSL is to verify.
var nodeChains = []string{"pq-mldsa44", "pq-mldsa65", "pq-mldsa87", "pq-steps", "mixed-classical-root", "mixed-classical-leaf"}

// TestChainsWithNode has both sides show chains with ML-DSA keys, and OpenSSL
// be the judge of ours.
func TestChainsWithNode(t *testing.T) {
	node := needNode(t)
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	roots := append(enginetest.PQRoots(t), enginetest.PKI(t).Root.PEM()...)
	if err := os.WriteFile(ca, roots, 0o644); err != nil {
		t.Fatal(err)
	}
	ours := enginetest.Chain(t, "pq-client")
	clientCert, clientKey := enginetest.WriteFiles(t, ours, dir, "client")
	for _, name := range nodeChains {
		t.Run(name, func(t *testing.T) {
			chain := enginetest.Chain(t, name)
			cert, key := enginetest.WriteFiles(t, chain, dir, name)
			p := start(t, node, "-e", nodeServer, cert, key, ca, "X25519MLKEM768", "yes")
			c := &engine.ClientConfig{Config: engine.Config{Verify: expectPeer(enginetest.Identity(chain))},
				ServerName: enginetest.Host, Identity: enginetest.Identity(ours)}
			session := dial(t, p.expect(t, "PORT "), c)
			session.Write([]byte("hello"))
			line(t, session, "hello")
			session.CloseWrite()

			s := &engine.ServerConfig{Config: engine.Config{Verify: expectPeer(enginetest.Identity(ours)), ALPN: []string{"echo"}},
				ClientAuth: engine.ClientAuthRequire, Identities: []*engine.Identity{enginetest.Identity(chain)}}
			port, accepted := listen(t, s)
			p = start(t, node, "-e", nodeClient, port, clientCert, clientKey, ca, "X25519MLKEM768", enginetest.Host)
			for range 2 {
				go echoAll(accepted())
				if got := p.expect(t, "SAME "); got != "true false" {
					t.Errorf("same, resumed: %s", got)
				}
			}
		})
	}
}
