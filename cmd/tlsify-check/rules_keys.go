package main

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// rulesKeys are about keys that are elsewhere than in a file, or no certificate's.
var rulesKeys = []rule{
	{"signer", "A signer reads requests and answers each, in order ... the message to sign, itself and not its hash", serverSide, func(t *trial) {
		t.each(func(t *trial, version change) {
			var signed atomic.Int32
			s := t.signer(func(digest []byte) []byte {
				signed.Add(1)
				signature, _ := t.authority.chains["good"].key.Sign(rand.Reader, digest, crypto.SHA256)
				return signature
			})
			r, ours := t.call().acceptingBy(s)
			client := r.meets(ours, t.clientOf(version))
			client.ask("")
			if r.expect(0, "ready"); signed.Load() == 0 {
				t.fault("the signer has signed nothing")
			}
		})
	}},
	{"signer-refuses", "A signature that does not come is signer, status 4", serverSide, func(t *trial) {
		for what, answer := range map[string][]byte{"nothing": nil, "junk": []byte("this is no signature")} {
			r, ours := t.call().acceptingBy(t.signer(func([]byte) []byte { return answer }))
			if _, err := t.join(ours, t.clientConfig()); err == nil {
				t.fault("%s is answered, and there is a connection", what)
			}
			ours.Close()
			if status := r.status(); status != 4 || answer == nil && !r.saysSoon("signer", 4) {
				t.fault("%s is answered: status %d%s", what, status, r.report())
			}
		}
		// One that does not have the key.
		l, err := net.Listen("unix", t.path(".sock"))
		t.must(err)
		t.signs(l, func([]byte) []byte { return nil }, t.authority.chains["second"])
		r, _ := t.call().acceptingBy(l.Addr().String())
		r.expectError(1, "usage")
	}},
	{"psk", "--psk FILE knows the peer by a pre-shared key (RFC 8446, section 4.2.11), and by no certificate", serverSide, func(t *trial) {
		const line = "device:00112233445566778899aabbccddeeff\n"
		key, other := t.file(".psk", []byte(line)), t.file(".psk", []byte(strings.Replace(line, "00", "01", 1)))
		stranger := t.file(".psk", []byte(strings.Replace(line, "device", "stranger", 1)))
		c, s := t.together(noPSK, []string{"--psk", key}, []string{"--psk", key})
		c.expect(0, "verified psk device", "ready")
		s.expect(0, "verified psk device", "ready")
		if len(c.values("peer-certificate")) > 0 || len(s.values("peer-certificate")) > 0 {
			t.fault("there is a certificate%s", c.report())
		}
		for what, wrong := range map[string]string{"another key": other, "an unknown identity": stranger} {
			c, s := t.together(noPSK, []string{"--psk", wrong}, []string{"--psk", key})
			if status := c.status(); status != 4 && status != 5 || c.out.text() != "" {
				t.fault("%s: the client's status is %d%s", what, status, c.report())
			}
			s.expectError(5, "psk")
		}
		// A server with a certificate has not shown that it knows the key.
		c, _ = t.together(noPSK, []string{"--psk", key}, t.showing("good"))
		if status := c.status(); status != 4 && status != 5 || c.out.text() != "" {
			t.fault("a server without the key: the client's status is %d%s", status, c.report())
		}
		t.call().start(t.to("localhost:1", "--psk", key)...).expectError(1, "usage") // beside --trust
	}},
	{"raw-public-key", "--raw-public-key shows a key in place of a certificate ... The peer's is known by --pin, of the key", serverSide, func(t *trial) {
		good, second := t.authority.chains["good"], t.authority.chains["second"]
		server := []string{"--raw-public-key", "--key", t.file(".key", good.keyPEM())}
		c, s := t.together(noRawKeys, []string{"--raw-public-key", "--pin", good.pin()}, server)
		c.expect(0, "peer-pin "+literal(good.pin()), "ready")
		s.expect(0, "ready")
		c, _ = t.together(noRawKeys, []string{"--raw-public-key", "--pin", second.pin()}, server)
		c.expectError(5, "pin-mismatch")
		c, _ = t.together(noRawKeys, []string{"--raw-public-key", "--pin", good.pin()}, t.showing("good"))
		if status := c.status(); status != 4 && status != 5 {
			t.fault("a peer that has certificates alone: status %d%s", status, c.report())
		}
	}},
}

const (
	noPSK     = "no pre-shared keys"
	noRawKeys = "no raw public keys"
)

// together has PROGRAM meet itself, with what an engine may lack. The server says hello,
// and both end.
func (t *trial) together(what string, client, server []string) (c, s *run) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	t.must(err)
	defer l.Close()
	c = t.call().start(slices.Concat([]string{"connect"}, client, []string{l.Addr().String()})...)
	l.(*net.TCPListener).SetDeadline(time.Now().Add(t.patience))
	at := t.call()
	in := at.feed(0)
	io.WriteString(in, greeting)
	in.Close()
	go func() {
		<-c.ended // it may lack what is tried
		l.Close()
	}()
	conn, err := l.Accept()
	if err != nil {
		c.orLacks(what)
		t.fatal("nobody connects: %v%s", err, c.report())
	}
	at.giveConn(5, conn.(*net.TCPConn))
	conn.Close()
	return c, at.start(append([]string{"accept", "--net-fd", "5"}, server...)...)
}

// acceptingBy is accepting with the key of "good" behind a signer's socket.
func (c *call) acceptingBy(socket string) (*run, net.Conn) {
	return c.acceptingAs("--cert", c.file(".pem", c.authority.chains["good"].pem()), "--key", "signer:unix:"+socket)
}

// signer is the socket of one that has the key of "good".
func (t *trial) signer(sign func(digest []byte) []byte) string {
	l, err := net.Listen("unix", t.path(".sock"))
	t.must(err)
	t.signs(l, sign, t.authority.chains["good"])
	return l.Addr().String()
}

// signs answers requests, as section 11 of the contract has them.
func (t *trial) signs(l net.Listener, sign func(digest []byte) []byte, of *credential) {
	t.cleanup(func() { l.Close() })
	key := sha256.Sum256(of.leaf.RawSubjectPublicKeyInfo)
	go acceptAll(l, func(conn net.Conn) {
		defer conn.Close()
		conn.SetDeadline(t.deadline())
		for length := make([]byte, 4); ; {
			if _, err := io.ReadFull(conn, length); err != nil {
				return
			}
			request := make([]byte, min(binary.BigEndian.Uint32(length), 1<<16))
			if _, err := io.ReadFull(conn, request); err != nil {
				return
			}
			answer := []byte("here")
			switch {
			case len(request) < len(key) || !bytes.Equal(request[:len(key)], key[:]):
				answer = nil
			case len(request) == len(key):
			case len(request) > len(key)+2 && binary.BigEndian.Uint16(request[len(key):]) == 0x0403: // ecdsa_secp256r1_sha256
				digest := sha256.Sum256(request[len(key)+2:])
				answer = sign(digest[:])
			default:
				t.fault("the signer is asked for %x", request[len(key):min(len(request), len(key)+40)])
				answer = nil
			}
			conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(answer))), answer...))
		}
	})
}
