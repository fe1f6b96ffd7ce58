package pq

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"testing"

	"tlsify/engine/record"
)

// What OpenSSL made of our key shares, recorded once: the drafts of the hybrids
// have no vectors of their own. The client's private keys are those of
// kem_vectors.txt; the secrets are from OpenSSL's key log, and come out right
// only if shares and secrets are put together in its order.

const transcripts = "openssl_transcripts.txt"

var transcriptGroups = []string{"X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024", "MLKEM512", "MLKEM768", "MLKEM1024"}

// vectorClient is a client that sends the key share of kem_vectors.txt.
func vectorClient(t *testing.T, conn net.Conn, group string, log io.Writer) *clientHandshake {
	t.Helper()
	c, _ := configs("p256")
	c.Groups, c.KeyLog = []string{group}, log
	h := &clientHandshake{handshake: newEngine(preferences{}).handshake(conn, &c.Config, false), cfg: c}
	g := groupNamed(group)
	key, public := vectorShare(t, vectors(t, "kem_vectors.txt"), group)
	h.shares = []ownShare{{g, key}}
	h.hello = &clientHello{keyShares: []keyShare{{g.id, public}}}
	return h
}

// TestTranscripts has our client meet the recorded ServerHellos again.
func TestTranscripts(t *testing.T) {
	v := vectors(t, transcripts)
	for _, group := range transcriptGroups {
		t.Run(group, func(t *testing.T) {
			clientConn, serverConn := pair(t)
			var log bytes.Buffer
			h := vectorClient(t, clientConn, group, &log)
			ours := h.hello.keyShares
			h.helloRaw = v[group+" client-hello"]
			h.hello = must(parseClientHello(h.helloRaw))
			h.clientRandom = h.hello.random
			same(t, "share", h.hello.keyShares[0].data, ours[0].data)

			hello := v[group+" server-hello"]
			serverConn.Write(append([]byte{22, 3, 3, byte(len(hello) >> 8), byte(len(hello))}, hello...))
			if err := h.readServerHello(); err != nil {
				t.Fatal(err)
			}
			same(t, "client", logged(t, &log, "CLIENT_HANDSHAKE_TRAFFIC_SECRET"), v[group+" client-secret"])
			same(t, "server", logged(t, &log, "SERVER_HANDSHAKE_TRAFFIC_SECRET"), v[group+" server-secret"])
		})
	}
}

// TestRecordTranscripts writes the file anew.
func TestRecordTranscripts(t *testing.T) {
	if os.Getenv("TLSIFY_RECORD_TRANSCRIPTS") == "" {
		t.Skip("writes a file only where TLSIFY_RECORD_TRANSCRIPTS asks for it")
	}
	node := needNode(t)
	var out bytes.Buffer
	fmt.Fprintln(&out, "# ClientHellos of ours with the key shares of kem_vectors.txt, the ServerHellos of")
	fmt.Fprintln(&out, "# OpenSSL 3.5 in Node.js, and the handshake traffic secrets of its key log.")
	for _, group := range transcriptGroups {
		cert, key := writeIdentity(t, testIdentity("p256"))
		p := start(t, node, "-e", nodeServer, cert, key, cert, group, "no")
		conn, err := net.Dial("tcp", "127.0.0.1:"+p.expect(t, "PORT "))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		heard := &recorder{Conn: conn}
		h := vectorClient(t, heard, group, nil)
		shares, public := h.shares, h.hello.keyShares
		if err := h.makeHello(); err != nil {
			t.Fatal(err)
		}
		h.shares, h.hello.keyShares = shares, public
		if err := h.marshalHello(nil); err != nil {
			t.Fatal(err)
		}
		sent := bytes.Clone(h.helloRaw)
		if _, err := h.c.within(context.Background(), h.proceed); err != nil {
			t.Fatal(err)
		}
		hello, _ := record.Next(heard.all)
		write(&out, group+" client-hello", sent)
		write(&out, group+" server-hello", hello[record.HeaderLen:])
		var log bytes.Buffer
		for range 5 { // OpenSSL logs five secrets of a connection
			fmt.Fprintln(&log, p.expect(t, "KEYLOG "))
		}
		write(&out, group+" client-secret", logged(t, &log, "CLIENT_HANDSHAKE_TRAFFIC_SECRET"))
		write(&out, group+" server-secret", logged(t, &log, "SERVER_HANDSHAKE_TRAFFIC_SECRET"))
	}
	if err := os.WriteFile("testdata/"+transcripts, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// write puts down a value as vectors reads it.
func write(out io.Writer, name string, value []byte) {
	fmt.Fprintln(out, name)
	for piece := range slices.Chunk(value, 50) {
		fmt.Fprintln(out, hex.EncodeToString(piece))
	}
}

// recorder keeps what was read.
type recorder struct {
	net.Conn
	all []byte
}

func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.all = append(r.all, p[:n]...)
	return n, err
}
