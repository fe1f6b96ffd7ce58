// Mkpki writes a throw-away PKI as files, for the demonstration and for peers
// that are other programs:
//
//	go run ./engine/internal/mkpki DIR
//	go run ./engine/internal/mkpki -demo DIR
//	go run ./engine/internal/mkpki -pq DIR
//
// DIR gets ca.pem, other-ca.pem (a root to be distrusted), server.pem and
// server.key (ECDSA, through an intermediate), server-rsa.pem and .key,
// client.pem and .key, and NAME.pem and NAME.key for every ready-made chain of
// package pki, the bad ones included. With -demo there are only ca.pem,
// server.pem and server.key, and the server is localhost, 127.0.0.1 and ::1.
//
// With -pq there are certificates with ML-DSA keys: pq-ca.pem (a root for each
// parameter set), pq-server.pem and .key (ML-DSA-65 throughout, for localhost,
// 127.0.0.1 and ::1), pq-client.pem and .key, the same as mixed-server and
// mixed-client with the classical root in ca.pem, and every ready-made chain
// with post-quantum keys. An ML-DSA key is written as its seed.
//
// What each file is for is printed, a line each, and stands in DIR/README as well.
// Everything in DIR is worthless in a day.
package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"tlsify/engine/pki"
)

func main() {
	demo := flag.Bool("demo", false, "only ca.pem, server.pem and server.key, for localhost")
	pq := flag.Bool("pq", false, "certificates with post-quantum keys")
	flag.Parse()
	if flag.NArg() != 1 || *demo && *pq {
		fmt.Fprintln(os.Stderr, "usage: mkpki [-demo | -pq] DIR")
		os.Exit(2)
	}
	write, list := writeAll, listAll()
	switch {
	case *demo:
		write, list = writeDemo, listDemo
	case *pq:
		write, list = writePQ, listPQ()
	}
	dir := flag.Arg(0)
	err := write(dir)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "README"), []byte(list), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mkpki:", err)
		os.Exit(1)
	}
	fmt.Print(list)
}

func writeDemo(dir string) error {
	set, err := newSet(dir)
	if err != nil {
		return err
	}
	server, err := set.Intermediate.Issue(local(pki.ECDSAP256))
	if err != nil {
		return err
	}
	return writePair(dir, "server", server)
}

// local is a server on this machine.
func local(key pki.KeyType) pki.Options {
	return pki.Options{
		Key: key,
		DNS: []string{"localhost"},
		IP:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
}

func writePQ(dir string) error {
	set, err := newSet(dir)
	if err != nil {
		return err
	}
	roots, err := set.PQRoots()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "pq-ca.pem"), roots, 0o644); err != nil {
		return err
	}
	root, err := set.PQRoot(pki.MLDSA65)
	if err != nil {
		return err
	}
	for name, authority := range map[string]*pki.Authority{"pq-server": root, "mixed-server": set.Intermediate} {
		server, err := authority.Issue(local(pki.MLDSA65))
		if err != nil {
			return err
		}
		if err := writePair(dir, name, server); err != nil {
			return err
		}
	}
	files := map[string]string{"pq-client": "pq-client", "mixed-client": "mixed-client"}
	for _, c := range pki.PQCases() {
		files[c.Name] = c.Name
	}
	return writeChains(dir, set, files)
}

func writeAll(dir string) error {
	set, err := newSet(dir)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "other-ca.pem"), set.Other.PEM(), 0o644); err != nil {
		return err
	}
	files := map[string]string{"server": "good", "server-rsa": "good-rsa", "client": "client"}
	for _, c := range pki.Cases() {
		files[c.Name] = c.Name
	}
	return writeChains(dir, set, files)
}

// writeChains writes ready-made chains; files gives their names by the files'.
func writeChains(dir string, set *pki.Set, files map[string]string) error {
	for file, name := range files {
		chain, err := set.Chain(name)
		if err != nil {
			return err
		}
		if err := writePair(dir, file, chain); err != nil {
			return err
		}
	}
	return nil
}

// newSet makes a PKI, and DIR with its root in it.
func newSet(dir string) (*pki.Set, error) {
	set, err := pki.NewSet()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return set, os.WriteFile(filepath.Join(dir, "ca.pem"), set.Root.PEM(), 0o644)
}

func writePair(dir, name string, c *pki.Credential) error {
	return c.WriteFiles(filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key"))
}
