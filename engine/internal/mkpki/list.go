package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"tlsify/engine/pki"
)

const listDemo = `ca.pem        the root to trust: --trust ca.pem
server.pem    a server's chain, for localhost, 127.0.0.1 and ::1: --cert server.pem
server.key    its key: --key server.key
`

// listAll says what the files of a whole PKI are for.
func listAll() string {
	rows := [][2]string{
		{"ca.pem", "the root to trust"},
		{"other-ca.pem", "a root that signed none of the good chains"},
		{"server", "a server's chain, by way of an intermediate: the same as good"},
		{"server-rsa", "the same with RSA keys: good-rsa"},
		{"client", "a client's"},
	}
	for _, c := range pki.Cases() {
		rows = append(rows, [2]string{c.Name, verdict(c)})
	}
	return list("NAME is NAME.pem, a chain, and NAME.key, its key. They are for "+pki.Host+" and "+pki.Address+" unless it says otherwise.", rows)
}

// listPQ says what the files with post-quantum keys are for.
func listPQ() string {
	rows := [][2]string{
		{"ca.pem", "a classical root"},
		{"pq-ca.pem", "a post-quantum root for each parameter set of ML-DSA"},
		{"pq-server", "a server's chain, ML-DSA-65 throughout, for localhost, 127.0.0.1 and ::1"},
		{"mixed-server", "the same key below the classical root"},
		{"pq-client", "a client's chain, ML-DSA throughout"},
		{"mixed-client", "a client's, below the classical root"},
	}
	for _, c := range pki.PQCases() {
		rows = append(rows, [2]string{c.Name, verdict(c.Case)})
	}
	return list("NAME is NAME.pem, a chain, and NAME.key, its key. They are for "+pki.Host+" and "+pki.Address+" unless it says otherwise.", rows)
}

// verdict is what becomes of a ready-made chain.
func verdict(c pki.Case) string {
	words := func(code string) string {
		if code == "" {
			return "accepted"
		}
		return "refused: " + code
	}
	if c.DNSCode == c.AddressCode && c.Host == pki.Host {
		return words(c.DNSCode)
	}
	return words(c.DNSCode) + " as " + c.Host + "; as " + pki.Address + " " + words(c.AddressCode)
}

func list(head string, rows [][2]string) string {
	var b strings.Builder
	fmt.Fprintln(&b, head)
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintf(w, "%s\t%s\n", row[0], row[1])
	}
	w.Flush()
	return b.String()
}
