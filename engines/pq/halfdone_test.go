package pq

import (
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"tlsify/engine"
	"tlsify/engine/record"
)

// halfDone are ways to begin a handshake with a server that asks for a
// certificate, and to leave it there.
var halfDone = []struct {
	name  string
	begin func(t *testing.T, conn net.Conn, hello []byte)
}{
	{"silent", func(*testing.T, net.Conn, []byte) {}},
	{"half a ClientHello", func(t *testing.T, conn net.Conn, hello []byte) { conn.Write(hello[:len(hello)/2]) }},
	{"all but the end of the largest ClientHello", func(t *testing.T, conn net.Conn, hello []byte) {
		all := handshakeRecords(typeClientHello, maxClientHello, 100)
		conn.Write(all[:len(all)-1])
	}},
	{"the same in records of one byte", func(t *testing.T, conn net.Conn, hello []byte) {
		conn.Write(singleBytes(handshakeRecords(typeClientHello, 1<<13, 100)))
	}},
	{"no answer to the server's flight", func(t *testing.T, conn net.Conn, hello []byte) {
		conn.Write(hello)
		io.ReadFull(conn, make([]byte, 500))
	}},
	{"all but the end of the largest certificate", func(t *testing.T, conn net.Conn, hello []byte) {
		h := untilCertificate(t, conn)
		header := []byte{typeCertificate, maxClientCertificate >> 16, maxClientCertificate >> 8 & 0xff, maxClientCertificate & 0xff}
		h.c.out.queue(append(header, make([]byte, maxClientCertificate-1)...))
		if err := h.c.out.flush(); err != nil {
			t.Fatal(err)
		}
	}},
}

// singleBytes puts every byte of a message into a record of its own, but for
// the last.
func singleBytes(records []byte) (out []byte) {
	for len(records) > 0 {
		rec, _ := record.Next(records)
		for _, b := range rec[record.HeaderLen:] {
			out = append(out, rec[0], 3, 3, 0, 1, b)
		}
		records = records[len(rec):]
	}
	return out[:len(out)-record.HeaderLen-1]
}

// TestHalfDoneHandshakesAreSmall holds 1,000 connections of which none gets on,
// of each kind in turn, and looks at the heap that each takes. Nobody has been
// authenticated yet, and so nobody may make us hold much.
func TestHalfDoneHandshakesAreSmall(t *testing.T) {
	if testing.Short() {
		t.Skip("opens many connections")
	}
	const connections, limit = 1000, 256 << 10
	_, s := configs("p256")
	s.ClientAuth = engine.ClientAuthRequire
	hello := testClientHello(t)
	before := memory()
	for i := range connections {
		client, server := pair(t)
		go New().Server(t.Context(), server, s)
		halfDone[i%len(halfDone)].begin(t, client, hello)
	}
	each := (settled() - before) / connections
	t.Logf("%d bytes for each of %d connections, both ends in this process", each, connections)
	if each > limit {
		t.Errorf("%d bytes for each connection", each)
	}
}

// TestHalfDoneHandshakesOneByOne is the same for each kind alone.
func TestHalfDoneHandshakesOneByOne(t *testing.T) {
	const connections, limit = 50, 256 << 10
	hello := testClientHello(t)
	for _, tt := range halfDone {
		t.Run(tt.name, func(t *testing.T) {
			_, s := configs("p256")
			s.ClientAuth = engine.ClientAuthRequire
			before := memory()
			for range connections {
				client, server := pair(t)
				go New().Server(t.Context(), server, s)
				tt.begin(t, client, hello)
			}
			each := (settled() - before) / connections
			t.Logf("%d bytes for each connection", each)
			if each > limit {
				t.Errorf("%d bytes for each connection", each)
			}
		})
	}
}

// memory is what the heap holds, and the stacks.
func memory() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) + int64(m.StackInuse)
}

// settled is memory when it grows no more: all that was sent has been read.
func settled() int64 {
	last := memory()
	for range 100 {
		time.Sleep(50 * time.Millisecond)
		now := memory()
		if now-last < 1<<16 && last-now < 1<<16 {
			return now
		}
		last = now
	}
	return last
}
