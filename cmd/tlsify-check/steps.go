package main

import (
	"crypto/tls"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// What several rules do, beside what belongs to a call, a server or a trial.

// accepting starts an accept, and returns its client's end of the network.
func (c *call) accepting(options ...string) (*run, net.Conn) {
	return c.acceptingAs(append(c.showing("good"), options...)...)
}

// acceptingAs is accepting with no certificate but what the options have.
func (c *call) acceptingAs(options ...string) (*run, net.Conn) {
	ours, theirs := c.tcpPair()
	c.giveConn(5, theirs)
	r := c.start(append([]string{"accept", "--net-fd", "5"}, options...)...)
	theirs.Close()
	return r, ours
}

// wantOut checks everything that came on descriptor 1.
func (r *run) wantOut(want string) {
	if got := r.out.all(r.patience); got != want {
		r.fault("on descriptor 1: %s, want %s%s", quote(got), quote(want), r.report())
	}
}

// took checks how long something took: at most three times the limit, because
// the machine may have other work.
func (t *trial) took(began time.Time, least, limit time.Duration) {
	t.lasted(time.Since(began), least, limit)
}

func (t *trial) lasted(took, least, limit time.Duration) {
	if took < least || took > 3*limit+5*time.Second {
		t.fault("it took %v, with a limit of %v", took.Round(time.Millisecond), limit)
	}
}

// drip says something in clear, and then a byte again and again, as long as it is heard.
func drip(conn net.Conn, first, more string) {
	_, err := io.WriteString(conn, first)
	for ; err == nil; time.Sleep(100 * time.Millisecond) {
		_, err = io.WriteString(conn, more)
	}
}

// each runs a check for TLS 1.3 and, where the program has it, TLS 1.2.
func (t *trial) each(check func(t *trial, version change)) {
	check(t, onlyTLS13)
	if t.can&tls12 != 0 {
		check(t, onlyTLS12)
	}
}

// prog are PROG and its arguments: a shell script.
func prog(script string) []string { return []string{"--", "sh", "-c", script} }

// askingClients has the server ask for a certificate, of whichever kind.
func askingClients(s *server) { s.config.ClientAuth = tls.RequestClientCert }

// classicGroups are no post-quantum ones.
var classicGroups = []tls.CurveID{tls.X25519, tls.CurveP256}

// keepingTickets has the server resume sessions, and its clients hear of them
// before anything ends.
func keepingTickets(s *server) { s.config.SessionTicketsDisabled = false }

// onlySuite has the server agree to one suite of TLS 1.2.
func onlySuite(suite uint16) change {
	return func(s *server) { s.config.CipherSuites = []uint16{suite} }
}

// everyByte is all bytes, with lines that other programs take for commands,
// and more than a record.
func everyByte() string {
	var b strings.Builder
	for _, word := range []string{"Q\n", "R\n", "k\n", "K\n", "~.\n", "\x04", "\x1a"} {
		b.WriteString(word)
	}
	for i := range 100_000 {
		b.WriteByte(byte(i * (i>>8 + 1)))
	}
	return b.String()
}

func literal(text string) string { return regexp.QuoteMeta(text) }

func itoa(n int) string { return strconv.Itoa(n) }

// rootsAndPin is of a peer that has to have both: the contract does not say which is told.
const rootsAndPin = "verified (trust|pin)( .*)?"

// bothClosed stands for closed local and closed peer, one each: the contract
// does not say which of two directions is told of first.
const bothClosed = "closed (local|peer)"
