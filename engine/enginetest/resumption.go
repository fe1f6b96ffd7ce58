package enginetest

import (
	"bytes"
	"crypto/tls"
	"errors"
	"slices"
	"strings"
	"sync"

	"tlsify/engine"
)

// resumption is about sessions that go on where an earlier one ended.
var resumption = []row{
	{"resume", clientOnly, eachVersion, testResume},
	{"resume-refused", clientOnly, eachVersion, testResumeRefused},
	{"resume-shown-again", clientOnly, eachVersion, testResumeShownAgain},
	{"resume-without-keeping", clientOnly, eachVersion, testResumeWithoutKeeping},
	{"resume-junk", clientOnly, eachVersion, testResumeJunk},
	{"resume-forgotten", clientOnly, eachVersion, testResumeForgotten},
	{"resume-at-level-tls13", clientOnly, only12, testResumeAtLevelTLS13},
	{"resume-classical-at-level-pq", clientOnly, anyVersion, testResumeClassicalAtLevelPQ},
	{"resume-key-log", clientOnly, only12, testResumeKeyLog},
	{"resume-served", serverOnly, eachVersion, testResumeServed},
	{"resume-served-key-log", serverOnly, only12, testResumeServedKeyLog},
	{"resume-served-off", serverOnly, eachVersion, testResumeServedOff},
	{"resume-served-key-change", serverOnly, eachVersion, testResumeServedKeyChange},
	{"resume-served-other-name", serverOnly, eachVersion, testResumeServedOtherName},
	{"resume-served-client-cert", serverOnly, eachVersion, testResumeServedClientCert},
	{"resume-served-client-cert-refused", serverOnly, eachVersion, testResumeServedClientCertRefused},
	{"resume-served-client-cert-no-more", serverOnly, eachVersion, testResumeServedClientCertNoMore},
	{"resume-served-client-cert-once", serverOnly, eachVersion, testResumeServedClientCertOnce},
	{"resume-served-long-client-cert-no-more", serverOnly, eachVersion, testResumeServedLongClientCertNoMore},
	{"resume-served-client-cert-too-long", serverOnly, eachVersion, testResumeServedClientCertTooLong},
	{"resume-served-now-required", serverOnly, eachVersion, testResumeServedNowRequired},
	{"resume-served-classical-at-level-pq", serverOnly, only13, testResumeServedClassicalAtLevelPQ},
}

// tickets is a KeepTicket.
type tickets struct {
	mu   sync.Mutex
	kept [][]byte
}

func (k *tickets) keep(ticket []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.kept = append(k.kept, bytes.Clone(ticket))
}

// firstTicket makes a connection and returns the last ticket from it, and the
// server to use it with.
func (r *rig) firstTicket(set func(*trial)) ([]byte, *tls.Config) {
	r.Helper()
	t := r.trial()
	t.peer.SessionTicketsDisabled = false
	kept := new(tickets)
	t.client.KeepTicket = kept.keep
	if set != nil {
		set(t)
	}
	o := t.mustRun()
	o.exchange("a", "b")
	kept.mu.Lock()
	defer kept.mu.Unlock()
	if o.session.State().Resumed || len(kept.kept) == 0 {
		r.Fatalf("%d tickets; state %+v", len(kept.kept), o.session.State())
	}
	return kept.kept[len(kept.kept)-1], t.peer
}

// again is a trial with the ticket and the server that it is from.
func (r *rig) again(ticket []byte, peer *tls.Config) *trial {
	t := r.trial()
	t.peer = peer
	t.client.Ticket = ticket
	t.client.KeepTicket = func([]byte) {}
	return t
}

// wantResumed checks what both sides say.
func (o *outcome) wantResumed(want bool) {
	o.Helper()
	if ours, theirs := o.session.State().Resumed, o.peer.ConnectionState().DidResume; ours != want || theirs != want {
		o.Errorf("resumed: engine: %v, crypto/tls: %v, want %v", ours, theirs, want)
	}
}

func testResume(r *rig) {
	ticket, peer := r.firstTicket(nil)
	t := r.again(ticket, peer)
	kept := new(tickets)
	t.client.KeepTicket = kept.keep
	o := t.mustRun()
	o.exchange("c", "d")
	o.wantResumed(true)
	t.wantShown(Chain(r, "good").Chain)
	if len(ticket) == 0 || r.version == engine.TLS13 && len(kept.kept) == 0 {
		r.Error("no new ticket came with the resumed session")
	}
}

// The key log of a resumed session of TLS 1.2 was empty, as crypto/tls's is, and whoever had
// captured that connection alone could not read it.
func testResumeKeyLog(r *rig) {
	first, second := new(syncBuffer), new(syncBuffer)
	t := r.again(r.firstTicket(func(t *trial) { t.config.KeyLog = first }))
	t.config.KeyLog = second
	t.mustRun().wantResumed(true)
	r.wantSameSecret(first, second)

	t = r.again(r.firstTicket(nil))
	t.config.KeyLog = fullDisk{}
	if o := t.run(); !errors.Is(o.err, errFullDisk) {
		r.Errorf("error %s, want the key log's own", describe(o.err))
	}
}

func testResumeServedKeyLog(r *rig) {
	first, second := new(syncBuffer), new(syncBuffer)
	cache := tls.NewLRUClientSessionCache(1)
	for _, log := range []*syncBuffer{first, second} {
		t := r.cached(cache, someKey)
		t.config.KeyLog = log
		t.served(log == second)
	}
	r.wantSameSecret(first, second)
}

// wantSameSecret checks the key log of a session that was resumed.
func (r *rig) wantSameSecret(first, second *syncBuffer) {
	r.Helper()
	a, b := strings.Fields(first.String()), strings.Fields(second.String())
	if len(a) != 3 || len(b) != 3 || a[0] != b[0] || a[1] == b[1] || len(b[1]) != 64 || a[2] != b[2] {
		r.Errorf("key logs %q and %q", first, second)
	}
}

type fullDisk struct{}

var errFullDisk = errors.New("the disk is full")

func (fullDisk) Write([]byte) (int, error) { return 0, errFullDisk }

// A stored session is judged anew: since then the caller may have changed its
// mind, or a certificate have expired.
func testResumeRefused(r *rig) {
	t := r.again(r.firstTicket(nil))
	no := &engine.RefusedError{Alert: engine.AlertCertificateExpired, Err: &refusalError{"cert-expired"}}
	t.judge.answer = func(*engine.Peer) error { return no }
	o := t.run()
	if !errors.Is(o.err, no) {
		r.Errorf("error %s, want Verify's own", describe(o.err))
	}
	o.wantPeerToldBy(engine.AlertCertificateExpired)
}

// What came with the certificates in the first handshake is judged again with them.
func testResumeShownAgain(r *rig) {
	shown := TLSCertificate(Chain(r, "good"))
	shown.OCSPStaple, shown.SignedCertificateTimestamps = someStaple, [][]byte{[]byte("one"), []byte("two")}
	t := r.again(r.firstTicket(func(t *trial) { t.peerShows(shown) }))
	t.mustRun().wantResumed(true)
	t.wantShown(Chain(r, "good").Chain)
	peers, _ := t.judge.seen()
	if !bytes.Equal(peers[0].Staple, someStaple) || !slices.EqualFunc(peers[0].SCTs, shown.SignedCertificateTimestamps, bytes.Equal) {
		r.Errorf("Verify was shown the staple %x and the timestamps %q", peers[0].Staple, peers[0].SCTs)
	}
}

func testResumeWithoutKeeping(r *rig) {
	t := r.again(r.firstTicket(nil))
	t.client.KeepTicket = nil
	o := t.mustRun()
	o.exchange("c", "d")
	o.wantResumed(true)
}

func testResumeJunk(r *rig) {
	ticket, peer := r.firstTicket(nil)
	for _, junk := range [][]byte{{}, {0}, []byte("junk"), noise(300), ticket[:len(ticket)-1], ticket[:len(ticket)/2], ticket[:1]} {
		t := r.again(junk, peer)
		o := t.mustRun()
		o.exchange("c", "d")
		o.wantResumed(false)
		t.wantShown(Chain(r, "good").Chain)
	}
}

// The server has other keys by now.
func testResumeForgotten(r *rig) {
	ticket, peer := r.firstTicket(nil)
	peer = peer.Clone()
	peer.SetSessionTicketKeys([][32]byte{{1, 2, 3}})
	t := r.again(ticket, peer)
	o := t.mustRun()
	o.exchange("c", "d")
	o.wantResumed(false)
	t.wantShown(Chain(r, "good").Chain)
}

// The server has learned TLS 1.3 since, and we insist on it.
func testResumeAtLevelTLS13(r *rig) {
	ticket, peer := r.firstTicket(nil)
	peer.MaxVersion = tls.VersionTLS13
	t := r.again(ticket, peer)
	t.config.Level = engine.LevelTLS13
	o := t.mustRun()
	o.wantResumed(false)
	if v := o.session.State().Version; v != engine.TLS13 {
		r.Errorf("version %v", v)
	}
}

func testResumeClassicalAtLevelPQ(r *rig) {
	ticket, peer := r.firstTicket(func(t *trial) { t.config.Groups = []string{"x25519"} })
	t := r.again(ticket, peer)
	t.config.Level = engine.LevelPQ
	if s := t.mustRun().session.State(); !engine.PostQuantumGroup(s.Group) {
		r.Errorf("state %+v", s)
	}
}

// someKey seals the tickets of the engine as a server.
var someKey = [32]byte{'k', 'e', 'y'}

// cached is a trial with a client that keeps its tickets in cache.
func (r *rig) cached(cache tls.ClientSessionCache, keys ...[32]byte) *trial {
	t := r.trial()
	t.peer.SessionTicketsDisabled = false
	t.peer.ClientSessionCache = cache
	t.server.TicketKeys = keys
	return t
}

func (t *trial) served(wantResumed bool) {
	t.Helper()
	o := t.mustRun()
	o.exchange("a", "b")
	o.wantResumed(wantResumed)
	if shown := o.session.State().Shown; (shown == nil) != wantResumed {
		t.Errorf("resumed %v, and the certificate that was shown is %v", wantResumed, shown)
	}
}

// The second configuration has nothing in common with the first but the key:
// it could be another process's.
func testResumeServed(r *rig) {
	cache := tls.NewLRUClientSessionCache(1)
	r.cached(cache, someKey).served(false)
	t := r.cached(cache, someKey)
	t.served(true)
	if peers, _ := t.judge.seen(); len(peers) != 0 {
		r.Errorf("Verify was called %d times", len(peers))
	}
	r.cached(cache, someKey).served(true)
}

func testResumeServedOff(r *rig) {
	cache := tls.NewLRUClientSessionCache(1)
	r.cached(cache).served(false)
	if _, ok := cache.Get(Host); ok {
		r.Error("a ticket was issued without a key")
	}
	r.cached(cache, someKey).served(false)
	r.cached(cache).served(false)
}

// The first key seals, all of them open.
func testResumeServedKeyChange(r *rig) {
	next := [32]byte{'n', 'e', 'x', 't'}
	for _, keep := range []bool{true, false} {
		cache := tls.NewLRUClientSessionCache(1)
		r.cached(cache, someKey).served(false)
		if keep {
			r.cached(cache, next, someKey).served(true)
		} else {
			r.cached(cache, next).served(false)
		}
	}
}

// anyName is a client's cache that has one session for all names.
type anyName struct{ tls.ClientSessionCache }

func (c anyName) Get(string) (*tls.ClientSessionState, bool) { return c.ClientSessionCache.Get("") }
func (c anyName) Put(_ string, session *tls.ClientSessionState) {
	c.ClientSessionCache.Put("", session)
}

// A session that was begun under one name is not resumed under another, or under none,
// where another certificate is to be shown (RFC 6066, section 3).
func testResumeServedOtherName(r *rig) {
	for _, name := range []string{"second.test", ""} {
		cache := anyName{tls.NewLRUClientSessionCache(1)}
		under := func(name string) *trial {
			t := r.cached(cache, someKey)
			t.peer.ServerName, t.peer.InsecureSkipVerify = name, true
			return t
		}
		under(Host).served(false)
		under(name).served(false)
		under(name).served(true)
	}
}

func testResumeServedClientCert(r *rig) {
	cache := tls.NewLRUClientSessionCache(1)
	client := Chain(r, "client")
	for _, resumed := range []bool{false, true} {
		t := r.cached(cache, someKey)
		t.peerShows(TLSCertificate(client))
		t.served(resumed)
		t.wantShown(client.Chain)
	}
}

func testResumeServedClientCertRefused(r *rig) {
	cache := tls.NewLRUClientSessionCache(1)
	t := r.cached(cache, someKey)
	t.peerShows(TLSCertificate(Chain(r, "client")))
	t.served(false)

	t = r.cached(cache, someKey)
	t.peerShows(TLSCertificate(Chain(r, "client")))
	no := &engine.RefusedError{Alert: engine.AlertCertificateRevoked, Err: &refusalError{"cert-revoked"}}
	t.judge.answer = func(*engine.Peer) error { return no }
	o := t.run()
	if !errors.Is(o.err, no) {
		r.Errorf("error %s, want Verify's own", describe(o.err))
	}
	o.wantPeerToldBy(engine.AlertCertificateRevoked)
}

// A client had a new certificate, because its old one was revoked or of a CA that had gone,
// and could not show it: each of its connections resumed the session of the old one, and
// was refused, for as long as the ticket was good.
func testResumeServedClientCertNoMore(r *rig) { r.noMore(1) }

// So it was where its chain was long.
func testResumeServedLongClientCertNoMore(r *rig) { r.noMore(40) }

func (r *rig) noMore(intermediates int) {
	r.Helper()
	cache := tls.NewLRUClientSessionCache(1)
	old, current := Chain(r, "client"), Issue(r, PKI(r).Intermediate, CertOptions{DNS: []string{"renewed.test"}})
	shown := TLSCertificate(old)
	for range intermediates {
		shown.Certificate = append(shown.Certificate, old.Chain[1])
	}
	t := r.cached(cache, someKey)
	t.peerShows(shown)
	t.served(false)
	for _, resumed := range []bool{false, true} {
		t := r.cached(cache, someKey)
		t.peerShows(TLSCertificate(current))
		t.server.Resumes = func(p *engine.Peer) bool {
			return len(p.Certificates) > 0 && !bytes.Equal(p.Certificates[0].Raw, old.Chain[0])
		}
		t.served(resumed)
		t.wantShown(current.Chain)
	}
}

// A ticket had a client's chain twice, and was too long for a client of wolfSSL 5.7, each of
// whose connections failed then, until it was started anew.
func testResumeServedClientCertOnce(r *rig) {
	client, length := Chain(r, "client"), map[bool]int{}
	for _, shown := range []bool{false, true} {
		cache := tls.NewLRUClientSessionCache(1)
		t := r.cached(cache, someKey)
		if shown {
			t.peerShows(TLSCertificate(client))
		}
		t.served(false)
		session, _ := cache.Get(Host)
		ticket, _, err := session.ResumptionState()
		if err != nil {
			r.Fatal(err)
		}
		length[shown] = len(ticket)
	}
	chain := 0
	for _, der := range client.Chain {
		chain += len(der)
	}
	if length[true]-length[false] > chain+100 {
		r.Errorf("a ticket has %d bytes, and %d with a chain of %d", length[false], length[true], chain)
	}
}

// A client whose chain made a ticket that no message has room for did not get through the
// handshake.
func testResumeServedClientCertTooLong(r *rig) {
	cache, client := tls.NewLRUClientSessionCache(1), Chain(r, "client")
	shown := TLSCertificate(client)
	for size := 0; size < 1<<16; size += len(client.Chain[1]) {
		shown.Certificate = append(shown.Certificate, client.Chain[1])
	}
	for range 2 {
		t := r.cached(cache, someKey)
		t.peerShows(shown)
		t.served(false)
	}
}

// A session that began without a client certificate is no way around one.
func testResumeServedNowRequired(r *rig) {
	cache := tls.NewLRUClientSessionCache(1)
	r.cached(cache, someKey).served(false)
	t := r.cached(cache, someKey)
	t.server.ClientAuth = engine.ClientAuthRequire
	o := t.run()
	wantFault(r, o.err, engine.FaultClientCert)
}

// A session that a classical handshake began, of a server with the same ticket key, was
// resumed at level pq by std: whoever breaks that handshake's key exchange was the client.
// Nor is one that goes back to it by another session.
func testResumeServedClassicalAtLevelPQ(r *rig) {
	cache := tls.NewLRUClientSessionCache(1)
	at := func(level engine.Level, group tls.CurveID) *trial {
		t := r.cached(cache, someKey)
		t.peer.CurvePreferences = []tls.CurveID{group}
		t.server.Level = level
		return t
	}
	at(engine.LevelStandard, tls.X25519).served(false)
	at(engine.LevelStandard, tls.X25519MLKEM768).served(true)
	at(engine.LevelPQ, tls.X25519MLKEM768).served(false)
	at(engine.LevelPQ, tls.X25519MLKEM768).served(true)
	at(engine.LevelPQ, tls.X25519MLKEM768).served(true)
}
