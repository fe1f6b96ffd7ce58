package main

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"io"
	"net"
	"slices"
)

const (
	noBinding     = "no channel binding"
	noChoice      = "no choice of groups"
	noECH         = "no Encrypted Client Hello"
	noFingerprint = "no other program's ClientHello"
	noKeyLog      = "no key log"
	noSessions    = "no sessions"
	noStaples     = "no stapled responses"
)

// rulesHello are about what a ClientHello has in it.
var rulesHello = []rule{
	{"groups", "--groups LIST is the key exchange groups to offer, best first", nothing, func(t *trial) {
		t.each(func(t *trial, version change) {
			s := t.serve(talk, version)
			for _, group := range classicGroups {
				name := t.groupName(group)
				r := t.call().start(s.to("--groups", name)...)
				r.orLacks(noChoice)
				r.expect(0, "group "+literal(name), "ready")
				offered := slices.DeleteFunc(s.met().hello.SupportedCurves, func(id tls.CurveID) bool { return isGREASE(uint16(id)) })
				if !slices.Equal(offered, []tls.CurveID{group}) {
					t.fault("%s: it offers %v", name, offered)
				}
			}
		})
		both := t.groupName(tls.X25519) + "," + t.groupName(tls.CurveP256)
		r := t.call().start(t.serve(talk, onlyGroup(tls.CurveP256)).to("--groups", both)...)
		r.expect(0, "ready")
	}},
	{"groups-unknown", "A name that the engine does not have is engine-unsupported", nothing, func(t *trial) {
		s := t.serve(talk)
		t.call().start(s.to("--groups", "no-such-group")...).expectError(1, "usage|engine-unsupported")
		for _, list := range []string{"", ",", t.groupName(tls.X25519) + ","} {
			t.call().start(s.to("--groups", list)...).expectError(1, "usage|engine-unsupported")
		}
	}},
	{"no-common-group", "Where the two sides have no group in common it is no-common-group", nothing, func(t *trial) {
		// The server's alert does not say what it is about.
		r := t.call().start(t.serve(talk, onlyTLS13, onlyGroup(tls.CurveP256)).to("--groups", t.groupName(tls.X25519))...)
		r.orLacks(noChoice)
		r.expectError(4, "no-common-group|tls-alert")
	}},
	{"no-common-group-server", "Where the two sides have no group in common it is no-common-group", serverSide, func(t *trial) {
		config := t.clientConfig()
		config.MinVersion, config.CurvePreferences = tls.VersionTLS13, []tls.CurveID{tls.CurveP256}
		r, ours := t.call().accepting("--groups", t.groupName(tls.X25519))
		_, err := t.join(ours, config)
		if r.orLacks(noChoice); err == nil {
			t.fault("there is a connection all the same")
		}
		r.expectError(4, "no-common-group")
	}},
	{"ech", "--ech FILE encrypts the ClientHello with an ECHConfigList, binary, base64 or PEM (RFC 9934), and says ech accepted", nothing, func(t *trial) {
		key, list := t.newECH()
		file := t.file(".ech", list)
		s := t.serve(talk, hides(key))
		r := t.call().start(s.to("--ech", file)...)
		r.orLacks(noECH)
		r.expect(0, "ech accepted", "ready")
		r.wantOut(greeting)
		if m := s.met(); !m.state.ECHAccepted || m.hello.ServerName != host {
			t.fault("to the server ECH is %v, the name %q", m.state.ECHAccepted, m.hello.ServerName)
		}
		hellos := make(chan []byte, 1)
		t.call().start(t.instead(takesHello(hellos)).to("--ech", file)...).status()
		if hello := <-hellos; bytes.Contains(hello, []byte(host)) || !bytes.Contains(hello, []byte(publicName)) {
			t.fault("the ClientHello has the name in clear, or not the public one: %s", quote(string(hello)))
		}
	}},
	{"ech-rejected", "A server that does not take it is ech-rejected, with its ech-retry BASE64 before the error, where it sent one and is verified for the public name", nothing, func(t *trial) {
		key, list := t.newECH()
		_, stale := t.newECH()
		file := t.file(".ech", stale)
		s := t.serve(talk, hides(key))
		r := t.call().start(s.to("--ech", file)...)
		r.orLacks(noECH)
		r.expect(4, "ech-retry "+literal(base64.StdEncoding.EncodeToString(list)), "error ech-rejected( .*)?", "end 4")
		if m := s.met(); m.got != "" || m.hello.ServerName != publicName {
			t.fault("the server got %s for the name %q", quote(m.got), m.hello.ServerName)
		}
		retry, err := base64.StdEncoding.DecodeString(r.values("ech-retry")[0])
		t.must(err)
		t.call().start(s.to("--ech", t.file(".ech", retry))...).expect(0, "ech accepted", "ready")
		// One that has never heard of it.
		plain := t.serve(talk, with("public"))
		t.call().start(plain.to("--ech", file)...).expectError(4, "ech-rejected")
		if m := plain.met(); m.got != "" || m.hello.ServerName != publicName {
			t.fault("a server without it got %s for the name %q", quote(m.got), m.hello.ServerName)
		}
		// Who has no certificate for the public name cannot say what to use.
		r = t.call().start(t.serve(talk, hides(key), with("wrong-name")).to("--ech", file)...)
		if r.expectError(5, "cert-name"); len(r.values("ech-retry")) > 0 {
			t.fault("an impostor's configurations are handed on%s", r.report())
		}
	}},
	{"ech-malformed", "Status 1 is for what cannot work, found out before any network traffic where that is possible: usage, a FILE that cannot be read", nothing, func(t *trial) {
		_, list := t.newECH()
		s := t.serve(talk)
		for _, content := range [][]byte{nil, []byte("this is none\n"), list[:len(list)-1], {0, 6, 0x12, 0x34, 0, 2, 0, 0}} {
			t.call().start(s.to("--ech", t.file(".ech", content))...).expectError(1, "usage|engine-unsupported")
		}
		t.call().start(s.to("--ech", t.path("-missing"))...).expectError(1, "usage|engine-unsupported")
		for len(s.meetings) > 0 {
			if m := s.met(); m.hello.CipherSuites != nil {
				t.fault("a ClientHello goes out for the name %q", m.hello.ServerName)
			}
		}
	}},
	{"ech-key", "--ech-key FILE of a server ... says ech accepted of a client that one of them opens, and sends the others all their configurations", serverSide, func(t *trial) {
		key, list := t.newECH()
		_, stale := t.newECH()
		file := t.file(".ech", echPEM(key, list))
		options := append(t.showing("public"), "--ech-key", file)
		config := t.clientConfig()
		config.MinVersion, config.EncryptedClientHelloConfigList = tls.VersionTLS13, list
		r, ours := t.call().accepting(options...)
		client := r.meets(ours, config, noECH)
		client.ask("")
		r.expect(0, "ech accepted", "ready")
		if !client.ConnectionState().ECHAccepted {
			t.fault("to the client ECH is not accepted")
		}
		config.EncryptedClientHelloConfigList = stale
		r, ours = t.call().accepting(options...)
		_, err := t.join(ours, config)
		if rejected, ok := err.(*tls.ECHRejectionError); !ok || string(rejected.RetryConfigList) != string(list) {
			t.fault("a client with an old configuration is not told of the new one: %v%s", err, r.report())
		}
		ours.Close()
		r.status()
	}},
	{"fingerprint", "--fingerprint NAME|FILE sends the ClientHello of another program, by name", nothing, func(t *trial) {
		s := t.serve(talk)
		for name, greases := range map[string]bool{"chrome": true, "firefox": false} {
			r := t.call().start(s.to("--fingerprint", name)...)
			r.orLacks(noFingerprint)
			r.expect(0, "ready")
			r.wantOut(greeting)
			suites := s.met().hello.CipherSuites
			if slices.ContainsFunc(suites, isGREASE) != greases {
				t.fault("this is no ClientHello of %s's: suites %04x", name, suites)
			}
		}
		t.call().start(s.to("--fingerprint", "no-such-browser")...).expectError(1, "usage|engine-unsupported")
		t.call().start(s.to("--fingerprint", t.file(".hello", []byte("this is none")))...).expectError(1, "usage")
	}},
	{"fingerprint-file", "--fingerprint NAME|FILE sends the ClientHello of another program, by name or as captured in FILE", nothing, func(t *trial) {
		// A client that offers what few others do.
		config := t.clientConfig()
		config.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}
		hellos := make(chan []byte, 1)
		t.dial(t.instead(takesHello(hellos)).address, config)
		s := t.serve(quiet)
		c, err := t.dial(s.address, config)
		t.must(err)
		c.ask("")
		c.wire.Close()
		want := s.met().hello.CipherSuites
		r := t.call().start(s.to("--fingerprint", t.file(".hello", <-hellos))...)
		r.orLacks(noFingerprint)
		r.expect(0, "ready")
		if got := s.met().hello.CipherSuites; !slices.Equal(got, want) {
			t.fault("suites %04x, want %04x", got, want)
		}
	}},
}

// orLacks ends the trial without a verdict where the engine says that it does
// not have something.
func (r *run) orLacks(what string) {
	if r.saysSoon("engine-unsupported", 1) {
		r.skip(what)
	}
}

// groupName is what PROGRAM calls a group. Where it does not say there is no verdict.
func (t *trial) groupName(group tls.CurveID) string {
	r := t.call().start(t.serve(talk, onlyGroup(group)).to()...)
	r.expect(0, "ready")
	names := r.values("group")
	if len(names) == 0 {
		t.skip("its names of the groups are not known: it tells none")
	}
	return names[0]
}

func onlyGroup(group tls.CurveID) change {
	return func(s *server) { s.config.CurvePreferences = []tls.CurveID{group} }
}

// isGREASE is for RFC 8701, section 2.
func isGREASE(id uint16) bool { return id&0x0f0f == 0x0a0a && id>>8 == id&0xff }

// takesHello takes a ClientHello, one record, and hangs up.
func takesHello(hellos chan<- []byte) func(net.Conn) {
	return func(conn net.Conn) {
		record := make([]byte, 5)
		io.ReadFull(conn, record)
		record = append(record, make([]byte, binary.BigEndian.Uint16(record[3:]))...)
		io.ReadFull(conn, record[5:])
		hellos <- record
	}
}

// newECH makes a key for publicName, and its list of one ECHConfig (RFC 9849,
// section 4).
func (t *trial) newECH() (key tls.EncryptedClientHelloKey, list []byte) {
	private, err := ecdh.X25519().GenerateKey(rand.Reader)
	t.must(err)
	contents := append([]byte{7, 0, 0x20, 0, 32}, private.PublicKey().Bytes()...) // config_id, X25519
	contents = append(contents, 0, 4, 0, 1, 0, 1, 32, byte(len(publicName)))      // HKDF-SHA256, AES-128-GCM
	contents = append(append(contents, publicName...), 0, 0)                      // no extensions
	config := append([]byte{0xfe, 0x0d, 0, byte(len(contents))}, contents...)
	return tls.EncryptedClientHelloKey{Config: config, PrivateKey: private.Bytes(), SendAsRetry: true},
		append([]byte{0, byte(len(config))}, config...)
}

// echPEM is a server's file (RFC 9934).
func echPEM(key tls.EncryptedClientHelloKey, list []byte) []byte {
	private, err := ecdh.X25519().NewPrivateKey(key.PrivateKey)
	if err != nil {
		return nil
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "ECHCONFIG", Bytes: list})...)
}

// hides has a server take encrypted names, behind the public one.
func hides(key tls.EncryptedClientHelloKey) change {
	return func(s *server) {
		s.config.EncryptedClientHelloKeys = []tls.EncryptedClientHelloKey{key}
		s.config.Certificates = append(s.config.Certificates, s.authority.chains["public"].forTLS())
	}
}
