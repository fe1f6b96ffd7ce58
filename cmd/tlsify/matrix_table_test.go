package main

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tlsify/engine/enginetest"
)

// A matrixExcuse says why a cell is not yes, where that is the peer's own doing or
// what an engine is known not to do.
type matrixExcuse struct{ peer, version, role, engine, column, why string }

var matrixExcuses = []matrixExcuse{
	{"JDK", "TLSv1.2", "client", "std", "resumption", noLifetime},
	{"openHiTLS", "TLSv1.2", "client", "std", "resumption", noLifetime},
	{"wolfSSL", "TLSv1.2", "client", "std", "resumption", noLifetime},
}

const noLifetime = "keeps no ticket whose lifetime is not given (RFC 5077 has 0 for that), and crypto/tls gives none"

func newMatrix(t *testing.T) *matrix {
	m := &matrix{t.TempDir()}
	set := enginetest.PKI(t)
	write := func(name string, content []byte) {
		if err := os.WriteFile(m.file(name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// An extension that nobody knows, as long as a certificate's names may be.
	filler := pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}, Value: append([]byte{4, 0x82, 0x40, 0}, make([]byte, 0x4000)...)}
	big := enginetest.Issue(t, set.Root, enginetest.CertOptions{DNS: []string{enginetest.Host}, Extensions: []pkix.Extension{filler}})
	enginetest.WriteFiles(t, big, m.dir, "big")
	enginetest.WriteFiles(t, enginetest.Chain(t, "good"), m.dir, "small")
	enginetest.WriteFiles(t, enginetest.Chain(t, "client"), m.dir, "client")
	write("ca.pem", set.Root.PEM())
	write("ticket", []byte("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"))
	return m
}

// matrixPeers asks each program in the folder what it is.
func matrixPeers(t *testing.T, dir string) (peers []*matrixPeer) {
	programs, _ := filepath.Glob(filepath.Join(dir, "peers", "*"))
	for _, program := range programs {
		out, err := exec.Command(program, "about").Output()
		if err != nil {
			t.Errorf("%s: %v", program, err)
			continue
		}
		p := &matrixPeer{program: program, cannot: map[string]string{}}
		for line := range strings.Lines(string(out)) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			if word, why, _ := strings.Cut(value, " "); key == "cannot" {
				p.cannot[strings.ReplaceAll(word, "-", " ")] = why
			} else if key == "keys" {
				p.keys = append(p.keys, value)
			} else {
				p.name = value
			}
		}
		peers = append(peers, p)
	}
	if len(peers) == 0 {
		t.Fatalf("%s/peers has no peers", dir)
	}
	return peers
}

// library is the name without its version.
func (p *matrixPeer) library() string {
	words := strings.Fields(p.name)
	n := slices.IndexFunc(words, func(w string) bool { return strings.ContainsAny(w[:1], "(0123456789") })
	if n < 0 {
		n = len(words)
	}
	return strings.Join(words[:n], " ")
}

// matrixTable is the page of the matrix.
func matrixTable(peers []*matrixPeer, rows []*matrixRow) string {
	var b bytes.Buffer
	b.WriteString(matrixPage)
	var notes []string
	fmt.Fprintf(&b, "| peer | TLS | it is the | %s |\n|---|---|---|%s\n", strings.Join(matrixColumns, " | "), strings.Repeat("---|", len(matrixColumns)))
	for i := 0; i < len(rows); {
		first, n := rows[i], i
		for n < len(rows) && rows[n].peer == first.peer && rows[n].version == first.version && rows[n].role == first.role {
			n++
		}
		fmt.Fprintf(&b, "| %s | %s | %s |", first.peer.name, strings.TrimPrefix(first.version, "TLSv"), first.role)
		for _, column := range matrixColumns {
			fmt.Fprintf(&b, " %s |", matrixCell(rows[i:n], column, &notes))
		}
		b.WriteString("\n")
		i = n
	}
	b.WriteString("\n")
	for i, note := range notes {
		fmt.Fprintf(&b, "%d. %s\n", i+1, note)
	}
	return b.String()
}

// matrixCell is one cell of all engines: yes where it is that for all of them.
func matrixCell(rows []*matrixRow, column string, notes *[]string) string {
	var words []string
	for _, r := range rows {
		said, tried := r.cells[column]
		word := said
		if !tried {
			word = "-"
		}
		if tried && said != "yes" {
			why, excused := r.excuse(column)
			if !excused {
				why = said
			}
			note := r.peer.library() + ": " + why
			n := slices.Index(*notes, note)
			if n < 0 {
				n = len(*notes)
				*notes = append(*notes, note)
			}
			word = fmt.Sprintf("no (%d)", n+1)
		}
		words = append(words, word)
	}
	if len(slices.Compact(slices.Clone(words))) == 1 {
		return words[0]
	}
	for i, r := range rows {
		words[i] = r.engine.Name() + " " + words[i]
	}
	return strings.Join(words, ", ")
}

const matrixPage = `# Other TLS libraries, in both roles, with every engine

A row is another library as a server or a client, under one version of TLS. A cell
is yes where that went well with each engine that has the version; otherwise it says
what each engine met. pq has TLS 1.3 alone.

- handshake: each side verifies the other.
- 20 kB chain: the server's certificates are that long together.
- data: 224,000 bytes each way at once, none lost or changed, and both ends told.
- half-close: all is sent, close_notify follows, and the reply comes only then.
  TLS 1.2 has none of it.
- truncation: a peer that is gone without close_notify is truncated, status 6; and
  where tlsify is killed, the peer is not told of an end.
- KeyUpdate: the peer sends some and asks for ours, in the midst of the data.
- resumption: the second connection resumes the session of the first.
- client certificate: the server asks for one, and is told its name.

` + "`make matrix`" + ` measures it anew. It gets the peers from packages of Debian (later
suites are unpacked, not installed), crates, npm and Maven; LibreSSL and other builds join
in where LIBRESSL, BORINGSSL, OPENSSL4, WOLFSSL, MBEDTLS4 and OPENHITLS name their folders.
Their programs are in ` + "`cmd/tlsify/testdata/matrix`" + `.

`
