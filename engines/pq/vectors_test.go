package pq

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"encoding/hex"
	"io"
	"os"
	"strings"
	"testing"

	"tlsify/engine"
	"tlsify/engine/record"
)

// vectors reads a file of RFC 8448's values: a line with a name, then lines of
// hexadecimal.
func vectors(t testing.TB, file string) map[string][]byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	name := ""
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		octets, err := hex.DecodeString(line)
		switch {
		case strings.HasPrefix(line, "#"):
		case err == nil:
			all[name] = append(all[name], octets...)
		default:
			name = line
		}
	}
	return all
}

func same(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s:\n got %x\nwant %x", what, got, want)
	}
}

// TestRFC8448Handshake plays section 3's server to our client, which is given
// the section's ClientHello and private key, and compares every byte that the
// client sends and every secret.
func TestRFC8448Handshake(t *testing.T) {
	v := vectors(t, "rfc8448_simple.txt")
	clientConn, serverConn := pair(t)
	e := newEngine(preferences{})
	var ticket []byte
	var log bytes.Buffer
	cfg := &engine.ClientConfig{
		Config:     engine.Config{Verify: func(*engine.Peer) error { return nil }, KeyLog: &log},
		KeepTicket: func(data []byte) { ticket = data },
	}
	h := &clientHandshake{handshake: e.handshake(clientConn, &cfg.Config, false), cfg: cfg}
	h.helloRaw = v["client-hello-record"][record.HeaderLen:]
	h.hello = must(parseClientHello(h.helloRaw))
	h.clientRandom = h.hello.random
	h.shares = []ownShare{{groupByID(h.groups, 0x001d), curveKey{must(ecdh.X25519().NewPrivateKey(v["client-private-key"]))}}}

	sent := func(name string) {
		t.Helper()
		got := make([]byte, len(v[name]))
		if _, err := io.ReadFull(serverConn, got); err != nil {
			t.Fatal(err)
		}
		same(t, name, got, v[name])
	}
	serverConn.Write(append(v["server-hello-record"], v["server-flight-record"]...))
	established, err := h.c.within(context.Background(), h.proceed)
	if err != nil {
		t.Fatal(err)
	}
	s := established.(*session)
	sent("client-hello-record")
	sent("client-finished-record")
	for name, got := range map[string][]byte{
		"client-handshake-secret":   logged(t, &log, "CLIENT_HANDSHAKE_TRAFFIC_SECRET"),
		"server-handshake-secret":   logged(t, &log, "SERVER_HANDSHAKE_TRAFFIC_SECRET"),
		"client-application-secret": h.secrets.clientApplication,
		"server-application-secret": h.secrets.serverApplication,
		"exporter-secret":           h.secrets.exporter,
		"resumption-secret":         h.secrets.resumption,
	} {
		same(t, name, got, v[name])
	}

	data := make([]byte, 50)
	for i := range data {
		data[i] = byte(i)
	}
	serverConn.Write(v["ticket-record"])
	s.Write(data)
	sent("client-data-record")
	serverConn.Write(append(v["server-data-record"], v["server-alert-record"]...))
	got := make([]byte, 100)
	n, err := s.Read(got)
	if err != nil {
		t.Error(err)
	}
	same(t, "data", got[:n], data)
	if n, err := s.Read(got); n != 0 || err != io.EOF {
		t.Errorf("close_notify: %d, %v", n, err)
	}
	s.CloseWrite()
	sent("client-alert-record")
	same(t, "psk", must(parseClientTicket(ticket)).psk, v["resumption-psk"])
}

// logged finds a secret in a key log.
func logged(t *testing.T, log *bytes.Buffer, label string) []byte {
	t.Helper()
	for line := range strings.Lines(log.String()) {
		if fields := strings.Fields(line); fields[0] == label {
			return must(hex.DecodeString(fields[2]))
		}
	}
	t.Errorf("no %s in the key log", label)
	return nil
}

// TestRFC8448KeySchedule goes through section 3's schedule stage by stage.
func TestRFC8448KeySchedule(t *testing.T) {
	v := vectors(t, "rfc8448_simple.txt")
	k := newKeySchedule(record.SuiteOf(engine.AES128GCM), nil)
	same(t, "early", k.secret, v["early-secret"])
	k.advance(v["shared-secret"])
	same(t, "handshake", k.secret, v["handshake-secret"])
	k.advance(nil)
	same(t, "master", k.secret, v["master-secret"])
	key, iv := record.New(k.suite, v["server-handshake-secret"]).Key()
	same(t, "key", key, v["server-handshake-key"])
	same(t, "iv", iv, v["server-handshake-iv"])
}

// TestRFC8448Retry checks section 5's transcript, in which the first
// ClientHello is replaced by its hash.
func TestRFC8448Retry(t *testing.T) {
	v := vectors(t, "rfc8448_retry.txt")
	suite := record.SuiteOf(engine.AES128GCM)
	log := newTranscript(suite)
	log.add(v["client-hello-1"])
	log.retried()
	log.add(v["hello-retry-request"])
	log.add(v["client-hello-2"])
	log.add(v["server-hello"])
	retry, err := parseServerHello(v["hello-retry-request"])
	if err != nil || !retry.retry() || retry.group != 0x0017 || len(retry.cookie) != 0x72 {
		t.Errorf("HelloRetryRequest %+v, %v", retry, err)
	}
	second, err := parseClientHello(v["client-hello-2"])
	if err != nil || !bytes.Equal(second.cookie, retry.cookie) {
		t.Errorf("second ClientHello: %v", err)
	}
	hello, err := parseServerHello(v["server-hello"])
	if err != nil {
		t.Fatal(err)
	}
	key := curveKey{must(ecdh.P256().NewPrivateKey(v["client-private-key"]))}
	shared, err := key.decapsulate(hello.share.data)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "shared", shared, v["shared-secret"])
	k := newKeySchedule(suite, nil)
	k.advance(shared)
	same(t, "client", k.derive("c hs traffic", log.sum()), v["client-handshake-secret"])
	same(t, "server", k.derive("s hs traffic", log.sum()), v["server-handshake-secret"])
	k.advance(nil)
	same(t, "master", k.secret, v["master-secret"])
}
