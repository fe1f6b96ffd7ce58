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
// hybrids and ML-DSA. TLSIFY_TEST_NODE names it where PATH has an older one, or
// several, with colons between. What has post-quantum keys or groups is tried
// with std, too.

func needNode(t *testing.T) string {
	t.Helper()
	return needNodes(t)[0]
}

// firstNode is the first that TLSIFY_TEST_NODE names, or empty.
func firstNode() string {
	return append(filepath.SplitList(os.Getenv("TLSIFY_TEST_NODE")), "")[0]
}

func needNodes(t *testing.T) []string {
	t.Helper()
	names := filepath.SplitList(os.Getenv("TLSIFY_TEST_NODE"))
	if len(names) == 0 {
		names = []string{"node"}
	}
	for _, name := range names {
		out, err := exec.Command(name, "-p", "process.versions.openssl").Output()
		version := strings.TrimSpace(string(out))
		if err != nil || version < "3.5" {
			t.Skipf("no Node.js with OpenSSL 3.5 or later (TLSIFY_TEST_NODE); found %q", version)
		}
	}
	return names
}

// eachNode runs a test with each Node.js and the engines to be tried with it:
// both with the first, and std alone with the others.
func eachNode(t *testing.T, test func(t *testing.T, node string, engines []engine.ServerEngine)) {
	t.Helper()
	for i, node := range needNodes(t) {
		engines := enginesWithMLDSA
		if i > 0 {
			engines = engines[1:]
		}
		version, err := exec.Command(node, "-p", "process.versions.node").Output()
		if err != nil {
			t.Fatal(err)
		}
		t.Run("node "+strings.TrimSpace(string(version)), func(t *testing.T) { test(t, node, engines) })
	}
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

// openSSLGroups are those of OpenSSL 3.5.
var openSSLGroups = []string{"X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024",
	"MLKEM512", "MLKEM768", "MLKEM1024", "x25519", "secp256r1", "secp384r1"}

// openSSLName is what OpenSSL calls a group.
func openSSLName(group string) string {
	switch group {
	case "secp256r1":
		return "P-256"
	case "secp384r1":
		return "P-384"
	case "secp521r1":
		return "P-521"
	case "x25519":
		return "X25519"
	case "x448":
		return "X448"
	case "FrodoKEM-640-SHAKE":
		return "efrodo640shake"
	}
	return group
}

func TestClientWithNode(t *testing.T) {
	eachNode(t, func(t *testing.T, node string, engines []engine.ServerEngine) {
		for _, with := range pairings(engines, openSSLGroups) {
			clientWithNode(t, node, with)
		}
	})
}

func clientWithNode(t *testing.T, node string, with pairing) {
	t.Run(with.String(), func(t *testing.T) {
		cert, key := writeIdentity(t, testIdentity(with.kind))
		p := start(t, node, "-e", nodeServer, cert, key, cert, openSSLName(with.group), "yes")
		port := p.expect(t, "PORT ")
		c, _ := configs(with.kind)
		c.Identities, c.ALPN, c.Groups = []*engine.Identity{testIdentity(with.kind)}, []string{"echo"}, []string{with.group}
		c.KeepTicket = func(ticket []byte) { c.Ticket = ticket }
		for i := range 2 {
			session := dialBy(t, with.e, port, c)
			if state := session.State(); state.Group != with.group || state.ALPN != "echo" || state.Resumed != (i > 0) {
				t.Errorf("connection %d: %+v", i, state)
			}
			session.Write([]byte("hello"))
			line(t, session, "hello")
			session.CloseWrite()
		}
	})
}

func TestServerWithNode(t *testing.T) {
	eachNode(t, func(t *testing.T, node string, engines []engine.ServerEngine) {
		for _, with := range pairings(engines, openSSLGroups) {
			serverWithNode(t, node, with)
		}
	})
}

func serverWithNode(t *testing.T, node string, with pairing) {
	t.Run(with.String(), func(t *testing.T) {
		cert, key := writeIdentity(t, testIdentity(with.kind))
		_, s := configs(with.kind)
		s.ClientAuth, s.Verify = engine.ClientAuthRequire, expectPeer(testIdentity(with.kind))
		s.ALPN, s.TicketKeys, s.Groups = []string{"echo"}, [][32]byte{{8}}, []string{with.group}
		port, accepted := listenBy(t, with.e, s)
		p := start(t, node, "-e", nodeClient, port, cert, key, cert, openSSLName(with.group), testName)
		// Node.js keeps no session above 10 KiB, and one with our ticket,
		// which holds the client's certificate, and the server's certificate
		// beside it is larger than that.
		second := "true true"
		if with.kind == "mldsa65" || with.kind == "mldsa87" {
			second = "true false"
		}
		for _, want := range []string{"true false", second} {
			session := accepted()
			if session.State().Group != with.group {
				t.Errorf("group %s", session.State().Group)
			}
			go echoAll(session)
			if got := p.expect(t, "SAME "); got != want {
				t.Errorf("same, resumed: %s; want %s", got, want)
			}
		}
	})
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
	eachNode(t, func(t *testing.T, node string, engines []engine.ServerEngine) {
		for _, e := range engines {
			t.Run(e.Name(), func(t *testing.T) { chainsWithNode(t, node, e) })
		}
	})
}

func chainsWithNode(t *testing.T, node string, e engine.ServerEngine) {
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
				ServerName: enginetest.Host, Identities: []*engine.Identity{enginetest.Identity(ours)}}
			session := dialBy(t, e, p.expect(t, "PORT "), c)
			session.Write([]byte("hello"))
			line(t, session, "hello")
			session.CloseWrite()

			s := &engine.ServerConfig{Config: engine.Config{Verify: expectPeer(enginetest.Identity(ours)), ALPN: []string{"echo"}},
				ClientAuth: engine.ClientAuthRequire, Identities: []*engine.Identity{enginetest.Identity(chain)}}
			port, accepted := listenBy(t, e, s)
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
