package pq

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"tlsify/engine"
	"tlsify/engine/record"
)

func TestFaults(t *testing.T) {
	refused := errors.New("refused")
	tests := []struct {
		name   string
		change func(*engine.ClientConfig, *engine.ServerConfig)
		client func(*testing.T, error)
		server func(*testing.T, error)
	}{
		{"no common group",
			func(c *engine.ClientConfig, s *engine.ServerConfig) {
				c.Groups, s.Groups = []string{"x25519"}, []string{"P-256"}
			},
			alert(engine.AlertHandshakeFailure), fault(engine.FaultNoCommonGroup)},
		{"client below the server's level",
			func(c *engine.ClientConfig, s *engine.ServerConfig) {
				c.Groups, s.Level = []string{"x25519", "X25519Kyber768Draft00"}, engine.LevelPQ
			},
			alert(engine.AlertHandshakeFailure), fault(engine.FaultSecurityLevel)},
		{"server below the client's authentication level",
			func(c *engine.ClientConfig, s *engine.ServerConfig) { c.Level = engine.LevelPQAuth },
			alert(engine.AlertHandshakeFailure), fault(engine.FaultNoCommonCipher)},
		{"no common protocol",
			func(c *engine.ClientConfig, s *engine.ServerConfig) { c.ALPN, s.ALPN = []string{"a"}, []string{"b"} },
			alert(engine.AlertNoApplicationProtocol), fault(engine.FaultProtocol)},
		{"no client certificate",
			func(c *engine.ClientConfig, s *engine.ServerConfig) { s.ClientAuth = engine.ClientAuthRequire },
			nil, fault(engine.FaultClientCert)},
		{"client refuses server",
			func(c *engine.ClientConfig, s *engine.ServerConfig) {
				c.Verify = func(*engine.Peer) error { return refused }
			},
			is(refused), alert(engine.AlertCertificateUnknown)},
		{"server refuses client",
			func(c *engine.ClientConfig, s *engine.ServerConfig) {
				s.ClientAuth = engine.ClientAuthRequest
				s.Verify = func(*engine.Peer) error { return refused }
			},
			nil, is(refused)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, s := configs("p256")
			tt.change(c, s)
			client, server := handshakes(t, c, s)
			tt.server(t, server.err)
			if tt.client != nil {
				tt.client(t, client.err)
				return
			}
			// The server speaks last: the client hears of it when it reads.
			if client.err != nil {
				t.Fatal(client.err)
			}
			_, err := client.session.Read(make([]byte, 1))
			var a *engine.AlertError
			if !errors.As(err, &a) || !a.Alert.AboutClientCert() {
				t.Errorf("client: %v", err)
			}
		})
	}
}

func alert(a engine.Alert) func(*testing.T, error) {
	return func(t *testing.T, err error) { t.Helper(); wantAlert(t, err, a) }
}

func fault(f engine.Fault) func(*testing.T, error) {
	return func(t *testing.T, err error) { t.Helper(); wantFault(t, err, f) }
}

func is(target error) func(*testing.T, error) {
	return func(t *testing.T, err error) {
		t.Helper()
		if !errors.Is(err, target) {
			t.Errorf("%v, not %v", err, target)
		}
	}
}

func TestLevels(t *testing.T) {
	for level, kind := range map[engine.Level]string{
		engine.LevelStandard: "rsa", engine.LevelTLS13: "rsa", engine.LevelPQ: "rsa", engine.LevelPQAuth: "mldsa87",
	} {
		c, s := configs(kind)
		c.Level, s.Level = level, level
		c.Groups = []string{"x25519", "X25519Kyber768Draft00", "MLKEM512"}
		s.Groups = c.Groups
		c.Identities = []*engine.Identity{testIdentity(kind)}
		s.ClientAuth, s.Verify = engine.ClientAuthRequire, expectPeer(testIdentity(kind))
		client, _ := connected(t, c, s)
		if got := client.State().Group; engine.PostQuantumGroup(got) != (level >= engine.LevelPQ) {
			t.Errorf("level %d: group %s", level, got)
		}
	}
}

func TestCheck(t *testing.T) {
	e := New()
	for what, change := range map[string]func(*engine.ClientConfig){
		"verif":       func(c *engine.ClientConfig) { c.Verify = nil },
		"ech":         func(c *engine.ClientConfig) { c.ECHConfigList = []byte{} },
		"fingerprint": func(c *engine.ClientConfig) { c.Fingerprint = "x" },
		"group":       func(c *engine.ClientConfig) { c.Groups = []string{"nonesuch"} },
		"post":        func(c *engine.ClientConfig) { c.Level, c.Groups = engine.LevelPQ, []string{"x25519"} },
		"certificate": func(c *engine.ClientConfig) {
			c.Level, c.Identities = engine.LevelPQAuth, []*engine.Identity{testIdentity("rsa")}
		},
		"protocol": func(c *engine.ClientConfig) { c.ALPN = []string{""} },
	} {
		c, _ := configs("rsa")
		change(c)
		var unsupported *engine.UnsupportedError
		if err := e.CheckClient(c); !errors.As(err, &unsupported) || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := e.Client(t.Context(), nil, c); err == nil {
			t.Errorf("%s: Client does not check", what)
		}
	}
	_, s := configs("rsa")
	s.Level = engine.LevelPQAuth
	if e.CheckServer(s) == nil {
		t.Error("a server below its own level")
	}
	s.Level, s.Verify = 0, nil
	if e.CheckServer(s) == nil {
		t.Error("a server without Verify")
	}
}

func TestContext(t *testing.T) {
	cause := errors.New("enough")
	for _, server := range []bool{false, true} {
		conn, _ := pair(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(50*time.Millisecond, func() { cancel(cause) })
		c, s := configs("p256")
		var err error
		if server {
			_, err = New().Server(ctx, conn, s)
		} else {
			_, err = New().Client(ctx, conn, c)
		}
		if err != cause {
			t.Errorf("server %v: %v", server, err)
		}
	}
}

// TestNotTLS is a peer that speaks something else, or nothing. TLS-Anvil sends a record of
// type 255: that was answered with protocol_version, and RFC 8446, section 5.1, has
// unexpected_message.
func TestNotTLS(t *testing.T) {
	for greeting, want := range map[string]engine.Alert{
		"220 mail.example ESMTP\r\n":       engine.AlertProtocolVersion,
		"SSH-2.0-x\r\n":                    engine.AlertProtocolVersion,
		"HTTP/1.1 400 Bad Request\r\n\r\n": engine.AlertProtocolVersion,
		"\x16\x02\x00\x00\x01x":            engine.AlertProtocolVersion,
		"\xff\x03\x03\x00\x01x":            engine.AlertUnexpectedMessage,
		"\x18\x03\x03\x00\x03\x01\x00\x00": engine.AlertUnexpectedMessage, // a heartbeat
		"\x13\x03\x03\x00\x01x":            engine.AlertUnexpectedMessage,
	} {
		conn, peer := pair(t)
		io.WriteString(peer, greeting)
		c, _ := configs("p256")
		_, err := New().Client(t.Context(), conn, c)
		wantFault(t, err, engine.FaultProtocol)
		conn.(*net.TCPConn).CloseWrite()
		alert := []byte{byte(record.TypeAlert), 3, 3, 0, 2, record.AlertFatal, byte(want)}
		if heard, err := io.ReadAll(peer); !bytes.HasSuffix(heard, alert) {
			t.Errorf("%q: the peer hears % x at last, %v", greeting, heard[max(0, len(heard)-len(alert)):], err)
		}
	}
	conn, peer := pair(t)
	peer.(*net.TCPConn).CloseWrite()
	c, _ := configs("p256")
	_, err := New().Client(t.Context(), conn, c)
	var transport *engine.TransportError
	if !errors.As(err, &transport) || transport.Err != io.EOF {
		t.Errorf("end of the stream: %v", err)
	}
}

func TestIdentityByName(t *testing.T) {
	other := newIdentity("ed25519")
	other.Leaf.DNSNames = []string{"other.test"}
	_, s := configs("p256")
	s.Identities = []*engine.Identity{testIdentity("rsa"), other, testIdentity("mldsa44")}
	for _, tt := range []struct{ name, signature string }{
		{testName, "rsa_pss_rsae_sha256"}, {"other.test", "ed25519"}, {"unknown.test", "rsa_pss_rsae_sha256"}, {"", "rsa_pss_rsae_sha256"},
	} {
		c, _ := configs("p256")
		c.ServerName, c.Verify = tt.name, func(*engine.Peer) error { return nil }
		client, server := connected(t, c, s)
		if got := client.State().Signature; got != tt.signature || server.State().ServerName != tt.name {
			t.Errorf("%s: %s, %s", tt.name, got, server.State().ServerName)
		}
	}
}

// TestStaple sees a staple through to Verify, also on resumption.
func TestStaple(t *testing.T) {
	c, s := configs("p256")
	id := *testIdentity("p256")
	id.Staple = []byte("an OCSP response")
	s.Identities, s.TicketKeys = []*engine.Identity{&id}, [][32]byte{{1}}
	c.KeepTicket = func(ticket []byte) { c.Ticket = ticket }
	for i := range 2 {
		var got []byte
		c.Verify = func(p *engine.Peer) error { got = p.Staple; return nil }
		client, server := connected(t, c, s)
		if !bytes.Equal(got, id.Staple) || client.State().Resumed != (i > 0) {
			t.Errorf("connection %d: staple %q", i, got)
		}
		exchange(t, client, server)
	}
}

// TestTicketsRefused changes something between two connections that makes the
// ticket useless: the second handshake must be a full one, and work.
func TestTicketsRefused(t *testing.T) {
	for name, change := range map[string]func(*engine.ClientConfig, *engine.ServerConfig){
		"garbage":      func(c *engine.ClientConfig, s *engine.ServerConfig) { c.Ticket = []byte("garbage") },
		"truncated":    func(c *engine.ClientConfig, s *engine.ServerConfig) { c.Ticket = c.Ticket[:len(c.Ticket)-1] },
		"another key":  func(c *engine.ClientConfig, s *engine.ServerConfig) { s.TicketKeys = [][32]byte{{2}} },
		"no keys":      func(c *engine.ClientConfig, s *engine.ServerConfig) { s.TicketKeys = nil },
		"another name": func(c *engine.ClientConfig, s *engine.ServerConfig) { c.ServerName = "other.test" },
		"level":        func(c *engine.ClientConfig, s *engine.ServerConfig) { c.Level, c.Groups = engine.LevelPQ, nil },
		"server level": func(c *engine.ClientConfig, s *engine.ServerConfig) { s.Level, c.Groups = engine.LevelPQ, nil },
		"client needed": func(c *engine.ClientConfig, s *engine.ServerConfig) {
			c.Identities = []*engine.Identity{testIdentity("rsa")}
			s.ClientAuth, s.Verify = engine.ClientAuthRequire, expectPeer(testIdentity("rsa"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, s := configs("p256")
			c.Groups, s.TicketKeys = []string{"x25519", "MLKEM768"}, [][32]byte{{1}}
			c.KeepTicket = func(ticket []byte) { c.Ticket = ticket }
			client, server := connected(t, c, s)
			exchange(t, client, server)
			change(c, s)
			if client, _ := connected(t, c, s); client.State().Resumed {
				t.Error("resumed")
			}
		})
	}
}

// A client whose certificate has expired since has another by now, and is asked for it:
// once its ticket was taken, and it was refused for the old one as long as it had the
// ticket.
func TestTicketOfExpiredCertificate(t *testing.T) {
	for _, auth := range []engine.ClientAuth{engine.ClientAuthRequire, engine.ClientAuthRequest} {
		for later, resumed := range map[time.Duration]bool{time.Hour: true, 3 * time.Hour: false} {
			template := template()
			template.NotAfter = time.Now().Add(2 * time.Hour)
			key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
			der := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
			c, s := configs("p256")
			c.Identities = []*engine.Identity{{Chain: [][]byte{der}, Leaf: must(x509.ParseCertificate(der)), Key: key}}
			s.TicketKeys, s.ClientAuth, s.Verify = [][32]byte{{1}}, auth, expectPeer(c.Identities[0])
			c.KeepTicket = func(ticket []byte) { c.Ticket = ticket }
			client, server := connected(t, c, s)
			exchange(t, client, server)

			if !resumed {
				c.Identities = []*engine.Identity{testIdentity("rsa")}
				s.Verify = expectPeer(c.Identities[0])
			}
			clientConn, serverConn := pair(t)
			done := make(chan error, 1)
			go func() {
				now := func() time.Time { return time.Now().Add(later) }
				_, err := newEngine(preferences{now: now}).Server(t.Context(), serverConn, s)
				done <- err
			}()
			client, err := New().Client(t.Context(), clientConn, c)
			if err := errors.Join(err, <-done); err != nil {
				t.Fatal(err)
			}
			if client.State().Resumed != resumed {
				t.Errorf("after %v: resumed %t", later, !resumed)
			}
		}
	}
}

// A ticket of a resumed connection goes back to the group that the peer was authenticated
// under, and not to the one of its own handshake: else a peer that has shown its
// certificate under a classical group would pass for more (--min-security pq).
func TestTicketOrigin(t *testing.T) {
	c, s := configs("p256")
	c.Identities = []*engine.Identity{testIdentity("rsa")}
	s.ClientAuth, s.Verify = engine.ClientAuthRequire, expectPeer(c.Identities[0])
	s.TicketKeys = [][32]byte{{1}}
	c.KeepTicket = func(ticket []byte) { c.Ticket = ticket }
	for i, group := range []string{"x25519", "MLKEM768", "MLKEM768"} {
		c.Groups, s.Groups = []string{group}, []string{group}
		client, server := connected(t, c, s)
		exchange(t, client, server)
		if client.State().Resumed != (i > 0) || client.State().Group != group {
			t.Fatalf("%+v", client.State())
		}
		ours := must(parseClientTicket(c.Ticket))
		theirs := must(parseServerTicket(must(sealer{s.TicketKeys}.open(ours.identity))))
		if ours.origin != "x25519" || theirs.origin != "x25519" {
			t.Errorf("connection %d: the client's goes back to %q, the server's to %q", i, ours.origin, theirs.origin)
		}
	}
}

// TestTicketLifetime lets the ticket grow old.
func TestTicketLifetime(t *testing.T) {
	c, s := configs("p256")
	s.TicketKeys = [][32]byte{{1}}
	c.KeepTicket = func(ticket []byte) { c.Ticket = ticket }
	client, server := connected(t, c, s)
	exchange(t, client, server)
	now := time.Now()
	for _, tt := range []struct {
		age    time.Duration
		usable bool
	}{{-time.Hour, false}, {time.Hour, true}, {23 * time.Hour, true}, {25 * time.Hour, false}} {
		if got := usableTicket(c, now.Add(tt.age)); (got != nil) != tt.usable {
			t.Errorf("after %v: usable %v", tt.age, got != nil)
		}
	}
}

// What a ticket must be for a client to offer it.
func TestTicketOffered(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*engine.ClientConfig, *clientTicket)
		usable bool
	}{
		"good":                   {func(*engine.ClientConfig, *clientTicket) {}, true},
		"of another name":        {func(_ *engine.ClientConfig, k *clientTicket) { k.serverName = "other.test" }, false},
		"of a group not allowed": {func(c *engine.ClientConfig, _ *clientTicket) { c.Profile = engine.ProfileByName("cnsa2") }, false},
		"of a classical group":   {func(c *engine.ClientConfig, _ *clientTicket) { c.Level = engine.LevelPQ }, false},
		"of a post-quantum one": {func(c *engine.ClientConfig, k *clientTicket) {
			c.Level, k.origin = engine.LevelPQ, "MLKEM768"
		}, true},
		"of a certificate, where keys alone are taken": {func(c *engine.ClientConfig, _ *clientTicket) {
			c.PeerTypes = []engine.CertificateType{engine.CertificateRawKey}
		}, false},
		"without an identity": {func(_ *engine.ClientConfig, k *clientTicket) { k.identity = nil }, false},
		"with a short key":    {func(_ *engine.ClientConfig, k *clientTicket) { k.psk = k.psk[1:] }, false},
		"of nobody":           {func(_ *engine.ClientConfig, k *clientTicket) { k.chain = nil }, false},
		"of a key as well":    {func(_ *engine.ClientConfig, k *clientTicket) { k.rawKey = []byte{1} }, false},
		"of a key":            {func(_ *engine.ClientConfig, k *clientTicket) { k.chain, k.rawKey = nil, []byte{1} }, false},
		"of a pre-shared key": {func(_ *engine.ClientConfig, k *clientTicket) { k.chain, k.mark = nil, pskMark(testPSK("one")) }, false},
		"where one is needed": {func(c *engine.ClientConfig, _ *clientTicket) { c.PSKs = []*engine.PSK{testPSK("one")} }, false},
	} {
		c, _ := configs("p256")
		ticket := &clientTicket{identity: []byte("identity"), resumable: resumable{
			suite: record.SuiteOf(engine.AES128GCM), psk: make([]byte, 32), created: uint64(time.Now().UnixMilli()), lifetime: maxTicketLifetime,
			serverName: testName, origin: "x25519", chain: testIdentity("p256").Chain,
		}}
		test.change(c, ticket)
		c.Ticket = must(ticket.marshal())
		if got := usableTicket(c, time.Now()); (got != nil) != test.usable {
			t.Errorf("%s: usable %v", name, got != nil)
		}
		c.Ticket = append(c.Ticket, 0)
		if usableTicket(c, time.Now()) != nil {
			t.Errorf("%s, with a byte behind it: usable", name)
		}
	}
}

// A ticket for nothing is not kept, and one for longer than a ticket may live is refused
// (RFC 8446, section 4.6.1).
func TestTicketTaken(t *testing.T) {
	for lifetime, want := range map[uint32]struct {
		kept  int
		alert engine.Alert
	}{0: {}, 1: {kept: 1}, maxTicketLifetime: {kept: 1}, maxTicketLifetime + 1: {alert: engine.AlertIllegalParameter}} {
		c, _ := configs("p256")
		kept := 0
		c.KeepTicket = func([]byte) { kept++ }
		h := helloOf(t, c)
		h.suite, h.secrets.resumption = record.SuiteOf(engine.AES128GCM), make([]byte, 32)
		err := h.takeTicket(must((&newSessionTicket{lifetime: lifetime, nonce: []byte{0}, ticket: []byte("ticket")}).marshal()))
		if wantRefusal(t, err, want.alert); kept != want.kept {
			t.Errorf("a ticket for %d seconds: %d kept", lifetime, kept)
		}
	}
}

func TestKeyLog(t *testing.T) {
	c, _ := configs("p256")
	var ours, theirs bytes.Buffer
	c.KeyLog = &ours
	clientConn, serverConn := pair(t)
	std := stdServerConfig("p256")
	std.KeyLogWriter = &theirs
	ready, _ := stdServer(serverConn, std)
	if _, err := New().Client(t.Context(), clientConn, c); err != nil {
		t.Fatal(err)
	}
	(<-ready).Close()
	wantLogged(t, ours.String(), theirs.String())
	c, s := configs("p256")
	ours.Reset()
	theirs.Reset()
	c.KeyLog, s.KeyLog = &theirs, &ours
	connected(t, c, s)
	wantLogged(t, ours.String(), theirs.String())
}

func wantLogged(t *testing.T, ours, theirs string) {
	t.Helper()
	lines := strings.Split(ours, "\n")
	for line := range strings.Lines(theirs) {
		if !slices.Contains(lines, strings.TrimSpace(line)) {
			t.Errorf("not logged: %s", line)
		}
	}
}

func TestDefaultShares(t *testing.T) {
	e := newEngine(preferences{})
	for names, want := range map[string]string{
		"":                   "X25519MLKEM768 x25519",
		"x25519 MLKEM768":    "x25519 MLKEM768",
		"MLKEM1024":          "MLKEM1024",
		"MLKEM1024 P-256":    "MLKEM1024 secp256r1",
		"mlkem512 x-wing":    "MLKEM512",
		"frodokem-640-shake": "FrodoKEM-640-SHAKE",
	} {
		list, err := resolveGroups(e, &engine.Config{Groups: strings.Fields(names)})
		if names == "" {
			list, err = resolveGroups(e, &engine.Config{})
		}
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, g := range firstShares(list) {
			got = append(got, g.name)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: shares for %v", names, got)
		}
	}
}

// TestShareReuse: both shares of the default ClientHello have one X25519 key.
func TestShareReuse(t *testing.T) {
	e := newEngine(preferences{})
	cfg := &engine.ClientConfig{}
	h := &clientHandshake{handshake: e.handshake(nil, &cfg.Config, false), cfg: cfg}
	if err := h.makeHello(); err != nil {
		t.Fatal(err)
	}
	hybrid, classical := h.hello.keyShares[0].data, h.hello.keyShares[1].data
	if !bytes.HasSuffix(hybrid, classical) {
		t.Error("two X25519 keys")
	}
}

// A browser sends the dot that stands behind the name in a URL.
func TestServerNameWithDot(t *testing.T) {
	client, server := configs("p256")
	client.ServerName += "."
	c, s := handshakes(t, client, server)
	if c.err != nil || s.err != nil {
		t.Fatal(c.err, s.err)
	}
	if got := s.session.State().ServerName; got+"." != client.ServerName {
		t.Errorf("the server's name is %q", got)
	}
}

// TestMiddleboxes: each side sends one change_cipher_spec, and no more, behind its first
// message (RFC 8446, appendix D.4).
func TestMiddleboxes(t *testing.T) {
	for group, want := range map[string]string{ // what each hears of the other
		"x25519":    "handshake, change_cipher_spec, sealed",
		"secp384r1": "handshake, change_cipher_spec, handshake, sealed",
	} {
		c, s := configs("p256")
		c.Groups, s.Groups = []string{"x25519", "secp384r1"}, []string{group}
		clientConn, serverConn := pair(t)
		atClient, atServer := &recorder{Conn: clientConn}, &recorder{Conn: serverConn}
		done := make(chan error, 1)
		go func() {
			_, err := New().Server(context.Background(), atServer, s)
			done <- err
		}()
		if _, err := New().Client(context.Background(), atClient, c); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		for name, heard := range map[string]*recorder{"the client": atClient, "the server": atServer} {
			if got := kinds(t, heard.all); got != want {
				t.Errorf("%s: %s hears %s", group, name, got)
			}
		}
	}
}

// kinds names the kinds of the records that were heard, up to the first that is sealed.
func kinds(t *testing.T, heard []byte) string {
	var list []string
	for {
		rec, err := record.Next(heard)
		if rec == nil || err != nil {
			t.Fatalf("after %q: %v", list, err)
		}
		heard = heard[len(rec):]
		switch record.Type(rec[0]) {
		case record.TypeChangeCipherSpec:
			list = append(list, "change_cipher_spec")
		case record.TypeHandshake:
			list = append(list, "handshake")
		default:
			return strings.Join(append(list, "sealed"), ", ")
		}
	}
}

// A server takes no classical key share where the client supports a post-quantum group,
// but for one that is as good it asks for no other.
func TestGroupOfTheServer(t *testing.T) {
	for _, test := range []struct {
		ours, theirs, shares string
		want                 string
	}{
		{"", "X25519MLKEM768 x25519", "X25519MLKEM768 x25519", "X25519MLKEM768"},
		{"", "x25519 X25519MLKEM768", "x25519", "X25519MLKEM768"},
		{"", "x25519 SecP384r1MLKEM1024", "x25519", "SecP384r1MLKEM1024"},
		{"", "X25519MLKEM768 SecP256r1MLKEM768", "SecP256r1MLKEM768", "SecP256r1MLKEM768"},
		{"", "x25519 secp384r1", "secp384r1", "secp384r1"},
		{"", "secp384r1", "", "secp384r1"},
		{"x25519 X25519MLKEM768", "x25519 X25519MLKEM768", "X25519MLKEM768", "X25519MLKEM768"},
		{"x25519", "x25519 X25519MLKEM768", "X25519MLKEM768", "x25519"},
	} {
		_, s := configs("p256")
		if test.ours != "" {
			s.Groups = strings.Fields(test.ours)
		}
		h := serverOf(s)
		h.hello = &clientHello{}
		for _, name := range strings.Fields(test.theirs) {
			h.hello.groups = append(h.hello.groups, groupNamed(name).id)
		}
		for _, name := range strings.Fields(test.shares) {
			h.hello.keyShares = append(h.hello.keyShares, keyShare{groupNamed(name).id, []byte{1}})
		}
		if err := h.selectGroup(); err != nil || h.group.name != test.want {
			t.Errorf("%+v: %v, %v", test, h.group, err)
		}
	}
}

// The suite is of our choice, but for a client that has ChaCha20-Poly1305 first.
func TestSuiteOfTheServer(t *testing.T) {
	const aes128, chacha = uint16(engine.AES128GCM), uint16(engine.ChaCha20Poly1305)
	for want, theirs := range map[uint16][]uint16{aes128: {aes128, chacha}, chacha: {chacha, aes128}} {
		_, s := configs("p256")
		h := serverOf(s)
		h.hello = &clientHello{ciphers: theirs}
		if err := h.selectSuite(); err != nil || uint16(h.suite.ID) != want {
			t.Errorf("of %04x: %v, %v", theirs, h.suite, err)
		}
	}
}
