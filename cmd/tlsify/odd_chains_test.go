package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"tlsify/cmd/tlsify/internal/connection"
	"tlsify/engine"
	"tlsify/engine/pki"
	"tlsify/verify"
)

// oddTable says what becomes of each odd chain. A line has its name; the words
// of openssl verify, curl and certtool, of the versions in the first line; and of
// each engine the verdicts where the root is trusted, where the leaf's key is
// pinned and nothing else counts, with --opportunistic, and where what is odd
// stands, needless, behind a good chain. TLSIFY_ODD_CHAINS=write writes it.
const oddTable = "testdata/odd_chains.txt"

func TestOddChains(t *testing.T) {
	chains, err := pki.Odd()
	if err != nil {
		t.Fatal(err)
	}
	columns := []string{"openssl", "curl", "certtool"}
	for _, e := range built() {
		columns = append(columns, e.Name())
	}
	if os.Getenv("TLSIFY_ODD_CHAINS") == "write" {
		writeOdd(t, chains, columns)
	}
	table := readOdd(t)
	same := 0
	for _, c := range chains {
		row := table[c.Name]
		theirs := []string{row["openssl"], row["curl"], row["certtool"]}
		agreed := true
		for i, got := range oddVerdicts(t, c) {
			name := columns[3+i]
			if got != row[name] {
				t.Errorf("%s: %s says %s, the table has %s", c.Name, name, got, row[name])
			}
			trust, _, _ := strings.Cut(got, ",")
			switch {
			case trust == "ok" && !slices.Contains(theirs, "ok"):
				agreed = false
				if oddAccepted[c.Name] == "" {
					t.Errorf("%s: %s accepts what no other does", c.Name, name)
				}
			case trust != "ok" && slices.Contains(theirs, "ok"):
				agreed = false
				if oddRefused(c.Name, trust) == "" {
					t.Errorf("%s: %s says %s of what others take, and no reason is stated", c.Name, name, trust)
				}
			}
		}
		if agreed {
			same++
		}
	}
	t.Logf("%d chains; of %d every engine says what one of the others says", len(chains), same)
}

// readOdd reads the table, by chain and column.
func readOdd(t *testing.T) map[string]map[string]string {
	text, err := os.ReadFile(oddTable)
	if err != nil {
		t.Fatal(err)
	}
	table := map[string]map[string]string{}
	var columns []string
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		switch {
		case f[0] == "chain":
			columns = f[1:]
		case len(f) == len(columns)+1:
			row := map[string]string{}
			for i, column := range columns {
				row[column] = f[i+1]
			}
			table[f[0]] = row
		}
	}
	return table
}

func writeOdd(t *testing.T, chains []pki.OddChain, columns []string) {
	var out bytes.Buffer
	fmt.Fprintf(&out, "# %s; %s; %s. Of an engine: trust,pin,opportunistic,extra\n", toolVersion("openssl", "version"), toolVersion("curl", "--version"), toolVersion("certtool", "--version"))
	w := tabwriter.NewWriter(&out, 0, 0, 1, ' ', 0)
	fmt.Fprintln(w, "chain\t"+strings.Join(columns, "\t"))
	for _, c := range chains {
		fmt.Fprintln(w, c.Name+"\t"+strings.Join(append(toolVerdicts(t, c), oddVerdicts(t, c)...), "\t"))
	}
	w.Flush()
	if err := os.WriteFile(oddTable, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// oddVerdicts are those of the engines.
func oddVerdicts(t *testing.T, c pki.OddChain) (words []string) {
	t.Helper()
	roots, err := verify.StoreFromPEM("roots", c.Roots)
	if err != nil {
		roots = nil // the root is what can't be parsed
	}
	names, err := verify.ParseName(pki.OddHost)
	if err != nil {
		t.Fatal(err)
	}
	trust := &verify.Policy{Names: []verify.Name{names}}
	if roots != nil {
		trust.Trust = []*verify.Store{roots}
	}
	good, err := pki.NewRoot(pki.Options{CommonName: "good"})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := good.Issue(pki.Options{DNS: []string{pki.OddHost}})
	if err != nil {
		t.Fatal(err)
	}
	goodStore, err := verify.StoreFromPEM("good", good.PEM())
	if err != nil {
		t.Fatal(err)
	}
	server := serveOdd(t, tls.Certificate{Certificate: c.Credential.Chain, PrivateKey: c.Credential.Key})
	extra := serveOdd(t, tls.Certificate{Certificate: append(slices.Clone(leaf.Chain), c.Strange), PrivateKey: leaf.Key})
	for _, e := range built() {
		judge := func(address string, policy *verify.Policy) string {
			if policy == nil {
				return "-"
			}
			return oddVerdict(t, e, address, policy)
		}
		word := "root-unreadable"
		if roots != nil {
			word = judge(server, trust)
		}
		opportunistic := "goes-on"
		if word == "ok" || word == "root-unreadable" || slices.Contains([]string{"revoked", "malformed", "staple", "level"}, word) {
			opportunistic = word
		}
		words = append(words, strings.Join([]string{
			word,
			judge(server, pinnedOnly(t, c)),
			opportunistic,
			judge(extra, &verify.Policy{Names: trust.Names, Trust: []*verify.Store{goodStore}}),
		}, ","))
	}
	return words
}

// pinnedOnly pins the leaf's key, as it stands in the certificate.
func pinnedOnly(t *testing.T, c pki.OddChain) *verify.Policy {
	certs, _, err := engine.ParseChain(c.Credential.Chain[:1])
	if err != nil {
		return nil
	}
	sum := sha256.Sum256(certs[0].RawSubjectPublicKeyInfo)
	pin, err := verify.ParsePin("sha256//" + base64.StdEncoding.EncodeToString(sum[:]))
	if err != nil {
		t.Fatal(err)
	}
	return &verify.Policy{Pins: []verify.Pin{pin}}
}

func serveOdd(t *testing.T, certificate tls.Certificate) string {
	config := &tls.Config{Certificates: []tls.Certificate{certificate}, SessionTicketsDisabled: true}
	return serveEach(t, "tcp4", "127.0.0.1:0", func(conn net.Conn) {
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		server := tls.Server(conn, config)
		if server.Handshake() == nil {
			server.Write([]byte("HTTP/1.0 204 No Content\r\n\r\n"))
			server.CloseWrite()
			server.Read(make([]byte, 1024))
		}
	})
}

// oddVerdict is the first CODE without its cert-, or ok.
func oddVerdict(t *testing.T, e engine.Engine, address string, policy *verify.Policy) string {
	t.Helper()
	conn, err := net.Dial("tcp4", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	var rejection *verify.Error
	_, err = e.Client(t.Context(), conn, &engine.ClientConfig{
		ServerName: pki.OddHost,
		Config: engine.Config{Verify: func(peer *engine.Peer) error {
			_, err := policy.Check(connection.EvidenceFrom(peer))
			errors.As(err, &rejection)
			return err
		}},
	})
	var fault *engine.PeerError
	switch {
	case err == nil:
		return "ok"
	case rejection != nil:
		return strings.TrimPrefix(string(rejection.Reasons[0].Code), "cert-")
	case errors.As(err, &fault) && fault.Fault == engine.FaultCertificate:
		if fault.Shown == nil {
			return "malformed!" // and no evidence
		}
		return "malformed"
	}
	return "error:" + strings.ReplaceAll(err.Error(), " ", "_")
}

func toolVersion(name, option string) string {
	text, err := exec.Command(name, option).Output()
	if err != nil {
		return name + " -"
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.Join(strings.Fields(line)[:2], " ")
}

// toolVerdicts are those of openssl verify, curl and certtool.
func toolVerdicts(t *testing.T, c pki.OddChain) []string {
	t.Helper()
	dir := t.TempDir()
	file := func(name string, ders ...[]byte) string {
		var text bytes.Buffer
		for _, der := range ders {
			pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: der})
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	roots := filepath.Join(dir, "roots.pem")
	if err := os.WriteFile(roots, c.Roots, 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(name string, args ...string) string {
		if err := exec.Command(name, args...).Run(); err != nil {
			if _, failed := err.(*exec.ExitError); failed {
				return "refused"
			}
			return "-"
		}
		return "ok"
	}
	chain := c.Credential.Chain
	address := serveOdd(t, tls.Certificate{Certificate: chain, PrivateKey: c.Credential.Key})
	_, port, _ := net.SplitHostPort(address)
	return []string{
		run("openssl", "verify", "-CAfile", roots, "-no-CApath", "-no-CAstore", "-untrusted", file("untrusted.pem", chain[1:]...), "-purpose", "sslserver", "-verify_hostname", pki.OddHost, file("leaf.pem", chain[0])),
		run("curl", "-sS", "--cacert", roots, "--resolve", pki.OddHost+":"+port+":127.0.0.1", "https://"+pki.OddHost+":"+port+"/"),
		run("certtool", "--verify", "--load-ca-certificate", roots, "--verify-hostname", pki.OddHost, "--verify-purpose", "1.3.6.1.5.5.7.3.1", "--infile", file("chain.pem", chain...)),
	}
}

// oddAccepted are taken here and by no one else, with the reason.
var oddAccepted = map[string]string{
	"leaf/key-id-another": "a key identifier helps to find the issuer; what counts is the signature (RFC 5280, section 6.1)",
}

// oddRefused is why a verdict differs from what one of the others says, or empty.
func oddRefused(chain, verdict string) string {
	const parser = "crypto/x509 does not parse it, and a parser of our own is one more to get wrong; its key can be pinned, and it can stand in a chain, with pq"
	switch {
	case verdict == "name":
		return "a common name is no name of a server (RFC 9525, section 2)"
	case chain == "leaf/usage-empty":
		return "it says that its key is for nothing (RFC 5280, section 4.2.1.3)"
	case chain == "leaf/names-none", chain == "leaf/purpose-empty":
		return "the list may not be empty (RFC 5280, sections 4.2.1.6 and 4.2.1.12)"
	case chain == "leaf/byte-behind":
		return "what stands behind a certificate in its place is none"
	case chain == "chain/twelve-long":
		return "a path has at most ten certificates"
	case chain == "chain/junk", chain == "chain/malformed-namesake-first":
		return "the library takes all certificates or none"
	case verdict == "root-unreadable":
		return parser
	case verdict == "malformed" && !strings.HasPrefix(chain, "chain/"):
		return parser
	}
	return ""
}
