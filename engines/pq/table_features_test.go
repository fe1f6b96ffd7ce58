package pq

import (
	"context"
	"math"
	"os"
	"strconv"
	"testing"

	"tlsify/engine"
	"tlsify/engine/ech"
)

// TestFeatureTable takes the table of ENGINES.md that tells what Encrypted Client
// Hello and certificate compression cost, with X25519MLKEM768: bytes of both first
// flights, and CPU of both ends together, in one process. It goes by the same
// variables as TestHandshakeTable; the cases take turns.
func TestFeatureTable(t *testing.T) {
	count, err := strconv.Atoi(os.Getenv("TLSIFY_HANDSHAKE_TABLE"))
	if err != nil {
		t.Skip("prints a table only where TLSIFY_HANDSHAKE_TABLE asks for one")
	}
	type feature struct {
		name string
		c    *engine.ClientConfig
		s    *engine.ServerConfig
		e    *pqEngine
		cost float64
	}
	var rows []*feature
	add := func(name string, id *engine.Identity, p preferences) *feature {
		row := &feature{name: name, e: newEngine(p), cost: math.Inf(1),
			c: &engine.ClientConfig{Config: engine.Config{Verify: expectPeer(id)}, ServerName: testName},
			s: &engine.ServerConfig{Config: engine.Config{Verify: expectPeer(nil)}, Identities: []*engine.Identity{id}}}
		rows = append(rows, row)
		return row
	}
	plain := testIdentity("p256")
	add("neither", plain, preferences{})
	for _, kem := range []string{"x25519", "mlkem768-x25519", "mlkem1024"} {
		row, made := add("ECH, "+kem, plain, preferences{}), ech.Key{}
		made, row.c.ECHConfigList = echKey(t, kem)
		row.s.ECHKeys = []ech.Key{made}
	}
	add("ECH, GREASE", plain, preferences{}).c.ECHGrease = true
	many := manyNames(t)
	add("a certificate with 101 names", many, preferences{compressions: []uint16{0x7777}})
	add("the same, compressed by zlib", many, preferences{})
	sizes := map[*feature][2]int{}
	for range tableRounds {
		for _, row := range rows {
			before := cpuTime()
			for range count {
				sizes[row] = bothFlights(t, row.e, row.c, row.s)
			}
			row.cost = min(row.cost, float64((cpuTime()-before).Microseconds())/float64(count))
		}
	}
	m := &measuring{}
	m.say("Microseconds and bytes as above; %s. The least of %d rounds of %d.\n", load(), tableRounds, count)
	m.say("| with | ClientHello / server's flight | CPU |\n|---|---|---|")
	for _, row := range rows {
		m.say("| %s | %d / %d | %.0f |", row.name, sizes[row][0], sizes[row][1], row.cost)
	}
	if doc := os.Getenv("TLSIFY_HANDSHAKE_DOC"); doc != "" {
		putTable(t, doc, "features", m.text.String())
	}
}

// bothFlights makes a handshake and counts what each side sent.
func bothFlights(t *testing.T, e *pqEngine, c *engine.ClientConfig, s *engine.ServerConfig) [2]int {
	t.Helper()
	clientConn, serverConn := pair(t)
	defer clientConn.Close()
	defer serverConn.Close()
	client, server := &reading{Conn: clientConn}, &reading{Conn: serverConn}
	done := make(chan error, 1)
	go func() {
		_, err := e.Server(context.Background(), server, s)
		done <- err
	}()
	if _, err := e.Client(context.Background(), client, c); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	const second = 6 + 5 + 1 + 16 + 4 + 32 // change_cipher_spec and Finished
	return [2]int{server.n - second, client.n}
}
