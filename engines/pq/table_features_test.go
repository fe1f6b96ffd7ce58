package pq

import (
	"context"
	"crypto/mldsa"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"testing"

	"tlsify/engine"
	"tlsify/engine/ech"
	"tlsify/engines/pq/otherkey/otherkeytest"
	"tlsify/verify"
)

// TestFeatureTable takes the table of ENGINES.md that tells what Encrypted Client
// Hello, certificate compression, SLH-DSA and others cost, with X25519MLKEM768
// where no group is named: bytes of both first
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
	for _, group := range []string{"secp521r1", "x448", "x25519_mlkem512", "x448_mlkem768", "p521_mlkem1024"} {
		row := add("the group "+group, plain, preferences{})
		row.c.Groups, row.s.Groups = []string{group}, []string{group}
	}
	small := add("names of 12 issuers", plain, preferences{})
	for i := range 12 {
		small.c.CAs = append(small.c.CAs, must(asn1.Marshal(pkix.Name{CommonName: fmt.Sprintf("Authority %d", i), Organization: []string{"An organisation"}}.ToRDNSequence())))
	}
	chain := otherChain()
	other := add("a handshake signed by SLH-DSA-SHAKE-128f, the chain by SHA2-192f and 128f", otherIdentity(), preferences{})
	other.c.Signatures, other.s.Signatures = named, named
	mixedKey := must(mldsa.GenerateKey(mldsa.MLDSA65()))
	mixed := must(otherkeytest.Issue(otherkeytest.Template(testName, testName), chain.root, mixedKey.PublicKey(), slhdsaKey["root"]()))
	under := add("an ML-DSA-65 leaf below an SLH-DSA-SHA2-128f root", &engine.Identity{Chain: [][]byte{mixed.Raw}, Leaf: mixed, Key: mixedKey}, preferences{})
	under.c.Signatures, under.s.Signatures = append(slices.Clone(named), "mldsa65"), append(slices.Clone(named), "mldsa65")
	for _, row := range []*feature{other, under} {
		policy := otherPolicy(t, chain.root, named...)
		row.c.Verify = func(p *engine.Peer) error {
			_, err := policy.Check(verify.Evidence{Certificates: p.Certificates})
			return err
		}
	}
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
