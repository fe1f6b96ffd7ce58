package verify

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func write(t testing.TB, dir, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// hashedName is the entry of c in a hashed directory.
func hashedName(t testing.TB, c *x509.Certificate, n int) string {
	t.Helper()
	hash, ok := nameHash(c.RawSubject)
	if !ok {
		t.Fatal("no hash")
	}
	return fmt.Sprintf("%s.%d", hash, n)
}

// TestNameHash has a hash that OpenSSL computed: that of ISRG Root X1.
func TestNameHash(t *testing.T) {
	name := pkix.Name{Country: []string{"US"}, Organization: []string{"Internet Security Research Group"}, CommonName: "ISRG Root X1"}
	der, err := asn1.Marshal(name.ToRDNSequence())
	if err != nil {
		t.Fatal(err)
	}
	if hash, ok := nameHash(der); !ok || hash != "4042bcee" {
		t.Errorf("got %q", hash)
	}
}

// rdn is a name of one common name in the encoding given.
func rdn(t testing.TB, tag int, text string) []byte {
	t.Helper()
	value, err := asn1.Marshal(asn1.RawValue{Tag: tag, Bytes: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	der, err := asn1.Marshal(pkix.RDNSequence{{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: asn1.RawValue{FullBytes: value}}}})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestNameKey(t *testing.T) {
	const utf8, printable, t61, bmp = 12, 19, 20, 30
	same := [][]byte{
		rdn(t, utf8, "Some CA"), rdn(t, printable, "some ca"), rdn(t, t61, "  SOME   CA "),
		rdn(t, bmp, "\x00S\x00o\x00m\x00e\x00 \x00C\x00A"),
	}
	for _, name := range same {
		if nameKey(name) != nameKey(same[0]) {
			t.Errorf("%x differs from %x", name, same[0])
		}
	}
	for _, name := range [][]byte{rdn(t, utf8, "SomeCA"), rdn(t, utf8, "Some CA2"), rdn(t, utf8, "ſome CA"), {0x30, 0}, nil, {0x30, 5}, same[0][:10]} {
		if nameKey(name) == nameKey(same[0]) {
			t.Errorf("%x is the same as %x", name, same[0])
		}
	}
}

func TestStoreKinds(t *testing.T) {
	root, second := issue(t, "CA root", nil, nil), issue(t, "CA second", nil, nil)
	rekeyed := issue(t, "CA root", nil, nil)
	leaf := issue(t, "leaf", root, nil)
	both := toPEM(second.Certificate, rekeyed.Certificate, root.Certificate)
	dir := t.TempDir()
	file := write(t, dir, "roots.pem", both)
	crlf := write(t, dir, "crlf.pem", bytes.ReplaceAll(append([]byte("\ufeff"), both...), []byte("\n"), []byte("\r\n")))
	comments := write(t, dir, "comments.pem", append([]byte("# Some roots\n Issuer: -----BEGIN someone\n"), both...))
	der := write(t, dir, "root.der", root.Raw)

	plain := t.TempDir()
	write(t, plain, "a.crt", toPEM(second.Certificate))
	write(t, plain, "b.pem", toPEM(root.Certificate))
	write(t, plain, "README", []byte("not a certificate"))

	hashed := t.TempDir()
	write(t, hashed, hashedName(t, rekeyed.Certificate, 0), toPEM(rekeyed.Certificate))
	write(t, hashed, hashedName(t, root.Certificate, 1), toPEM(root.Certificate))
	write(t, hashed, "junk.pem", []byte("never read"))

	system := func(file, dir string) func() (*Store, error) {
		return func() (*Store, error) { return SystemStore(file, dir) }
	}
	load := func(path string) func() (*Store, error) {
		return func() (*Store, error) { return LoadStore(path) }
	}
	for name, open := range map[string]func() (*Store, error){
		"file": load(file), "CRLF and BOM": load(crlf), "comments": load(comments), "DER": load(der),
		"directory": load(plain), "hashed directory": load(hashed),
		"SSL_CERT_FILE": system(file, ""), "SSL_CERT_DIR": system("", plain), "SSL_CERT_DIR, hashed": system("", hashed),
		"SSL_CERT_DIR, two": system("", plain+":"+hashed),
		"both":              system(write(t, dir, "second.pem", toPEM(second.Certificate)), hashed),
	} {
		t.Run(name, func(t *testing.T) {
			store, err := open()
			if err != nil {
				t.Fatal(err)
			}
			p := policy(t, root)
			p.Trust = []*Store{store}
			result, err := p.Check(evidence(leaf))
			if store.system {
				// The public profile wants more of a root's certificates.
				if err != nil && codes(t, err)[0] == Untrusted {
					t.Error(err)
				}
			} else if err != nil {
				t.Error(err)
			} else if result.Grounds[0].Detail != "CN=CA root" {
				t.Errorf("the grounds are %v", result.Grounds)
			}
			stranger := issue(t, "leaf", issue(t, "CA stranger", nil, nil), nil)
			wantCodes(t, p, evidence(stranger), Untrusted)
		})
	}
}

// TestStoreOtherEncoding has an issuer that is named in PrintableString and a
// root that has the same name in UTF8String.
func TestStoreOtherEncoding(t *testing.T) {
	key := newKey(t)
	named := func(tag int) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.RawSubject = rdn(t, tag, "CA root") }
	}
	root := issue(t, "CA root", nil, key, named(12))
	leaf := issue(t, "leaf", issue(t, "CA root", nil, key, named(19)), nil)
	if bytes.Equal(leaf.RawIssuer, root.RawSubject) {
		t.Fatal("the names are the same")
	}
	hashed := t.TempDir()
	write(t, hashed, hashedName(t, root.Certificate, 0), toPEM(root.Certificate))
	store, err := LoadStore(hashed)
	if err != nil {
		t.Fatal(err)
	}
	p := policy(t, root)
	wantCodes(t, p, evidence(leaf))
	p.Trust = []*Store{store}
	wantCodes(t, p, evidence(leaf))
}

// TestStoreDamaged has what must never be taken for an empty trust.
func TestStoreDamaged(t *testing.T) {
	root := issue(t, "CA root", nil, nil)
	good := toPEM(root.Certificate)
	block := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	many := bytes.Repeat(good, 10)
	for name, test := range map[string]struct {
		data []byte
		text string
	}{
		"empty":            {nil, "it is empty"},
		"text":             {[]byte("hello\n"), "no PEM block"},
		"cut off":          {good[:len(good)-40], "has no end"},
		"cut off later":    {append(bytes.Clone(many), good[:100]...), "has no end"},
		"lost an end":      {append(bytes.Clone(good[:100]), many...), "line 1: the CERTIFICATE that begins here has no end"},
		"lost a beginning": {append(bytes.Clone(many), bytes.Replace(good, []byte("-----BEGIN C"), []byte("-----BEGIN "), 1)...), "ends as CERTIFICATE"},
		"bad base64":       {bytes.Replace(many, []byte("\nMII"), []byte("\n!II"), 1), "damaged"},
		"cut DER":          {append(bytes.Clone(many), block("CERTIFICATE", root.Raw[:len(root.Raw)-1])...), "no certificate"},
		"junk":             {append(bytes.Clone(many), block("CERTIFICATE", []byte("junk"))...), "the certificate on line 101"},
		"trailing":         {block("CERTIFICATE", append(bytes.Clone(root.Raw), 0)), "no certificate"},
		"private key":      {append(bytes.Clone(good), block("EC PRIVATE KEY", []byte{0x30, 0})...), "private key"},
		"TRUSTED":          {block("TRUSTED CERTIFICATE", root.Raw), "TRUSTED"},
		"PKCS7":            {block("PKCS7", root.Raw), "openssl pkcs7"},
		"PKCS7, DER":       {[]byte("0\x82\x04\x00\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x82"), "openssl pkcs7 -inform DER"},
		"PKCS12":           {[]byte("0\x82\x04\x00\x02\x01\x03\x30\x82"), "openssl pkcs12"},
		"PKCS12, BER":      {[]byte("0\x80\x02\x01\x03\x30\x80"), "openssl pkcs12"},
		"CRL":              {block("X509 CRL", root.Raw), "no place"},
		"DER and more":     {append(bytes.Clone(root.Raw), good...), "no certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, t.TempDir(), "roots.pem", test.data)
			_, err := LoadStore(path)
			wantStoreError(t, err, path, test.text)
			_, err = StoreFromPEM("given", test.data)
			wantStoreError(t, err, "given", test.text)

			// The system's is read only when it is needed.
			store, err := SystemStore(path, "")
			if err != nil {
				t.Fatal(err)
			}
			p := policy(t, root)
			p.Trust = []*Store{store}
			_, err = p.Check(evidence(issue(t, "leaf", issue(t, "CA other", nil, nil), nil)))
			wantStoreError(t, err, path, test.text)
		})
	}
}

func wantStoreError(t *testing.T, err error, source, text string) {
	t.Helper()
	var store *StoreError
	if !errors.As(err, &store) || !strings.Contains(store.Source, source) || !strings.Contains(err.Error(), text) {
		t.Errorf("got %v, want a StoreError of %s that says %q", err, source, text)
	}
}

func TestStoreUnreadable(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing")
	_, err := LoadStore(missing)
	wantStoreError(t, err, missing, "the roots in "+missing+": no such file")
	_, err = LoadStore(dir)
	wantStoreError(t, err, dir, "no certificate file")
	_, err = SystemStore(missing, "")
	wantStoreError(t, err, missing, "no such file")
	_, err = SystemStore("", missing)
	wantStoreError(t, err, missing, "no such file")
	_, err = SystemStore("", dir)
	wantStoreError(t, err, dir, "no certificate file")
	_, err = SystemStore(dir, "")
	wantStoreError(t, err, dir, "directory")

	// An entry by hash that leads nowhere, and one that is damaged.
	root := issue(t, "CA root", nil, nil)
	p := policy(t, root)
	e := evidence(issue(t, "leaf", root, nil))
	entry := write(t, dir, hashedName(t, root.Certificate, 0), []byte("junk"))
	store, err := SystemStore("", dir)
	if err != nil {
		t.Fatal(err)
	}
	p.Trust = []*Store{store}
	_, err = p.Check(e)
	wantStoreError(t, err, entry, "no PEM block")
	os.Remove(entry)
	if err := os.Mkdir(entry, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err = p.Check(e)
	wantStoreError(t, err, entry, "directory")
}

// TestSystemWellKnown has the system's own roots, of which none issued a leaf
// of ours.
func TestSystemWellKnown(t *testing.T) {
	store, err := SystemStore("", "")
	if err != nil {
		t.Skip(err)
	}
	p := policy(t, issue(t, "CA root", nil, nil))
	p.Trust = []*Store{store}
	wantCodes(t, p, evidence(issue(t, "leaf", issue(t, "CA stranger", nil, nil), nil)), Untrusted)
}

// TestSystemDirectory compares the hashes of names with those of the system's
// own directory, which another program made.
func TestSystemDirectory(t *testing.T) {
	entries, err := filepath.Glob("/etc/ssl/certs/*.[0-9]")
	if err != nil || len(entries) == 0 {
		t.Skip("this system has no hashed directory in /etc/ssl/certs")
	}
	for _, entry := range entries {
		text, err := os.ReadFile(entry)
		if err != nil {
			continue
		}
		block, _ := pem.Decode(text)
		if block == nil {
			continue
		}
		subject, ok := certSubject(block.Bytes)
		if hash, _ := nameHash(subject); !ok || !strings.HasPrefix(filepath.Base(entry), hash+".") {
			t.Errorf("%s: the subject's hash is %s", entry, hash)
		}
	}
}

// manyRoots are roots, of which all but the first have a shape and a subject
// but are no certificates that crypto/x509 would parse.
func manyRoots(t testing.TB, root *entity, n int) []*entity {
	t.Helper()
	roots := []*entity{root}
	key := newKey(t)
	for i := range n {
		other := issue(t, fmt.Sprintf("CA number %d of a hundred and more", i), nil, key)
		// The version's tag is made an unknown one.
		other.Raw = bytes.Replace(other.Raw, []byte{0xa0, 3, 2, 1, 2}, []byte{0xa0, 3, 2, 1, 9}, 1)
		if _, err := x509.ParseCertificate(other.Raw); err == nil {
			t.Fatal("it parses")
		}
		roots = append(roots, other)
	}
	return roots
}

// TestStoreParsesWhatItNeeds has a store whose roots would not parse, but for
// the one that is needed.
func TestStoreParsesWhatItNeeds(t *testing.T) {
	root := issue(t, "CA root", nil, nil)
	roots := manyRoots(t, root, 20)
	leaf := issue(t, "leaf", root, nil)
	p := policy(t, roots...)
	wantCodes(t, p, evidence(leaf))
	_, err := p.Check(evidence(issue(t, "leaf", roots[1], nil)))
	wantStoreError(t, err, "test", "CA number 0 of a hundred and more\" can't be read")
}

// A file of a few certificates of which none can be read is no trust at all, which is
// found at the start; in a longer one it shows when one of them is needed.
func TestStoreOfNoUse(t *testing.T) {
	root := issue(t, "CA root", nil, nil)
	roots := certs(manyRoots(t, root, 5)...)
	for name, test := range map[string]struct {
		roots []*x509.Certificate
		fails bool
	}{
		"one":                {roots[1:2], true},
		"four":               {roots[1:5], true},
		"five":               {roots[1:6], false},
		"four, the last one": {append(slices.Clone(roots[1:4]), roots[0]), false},
	} {
		store, err := StoreFromPEM("given", toPEM(test.roots...))
		if test.fails {
			wantStoreError(t, err, "given", "")
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		p := policy(t, root)
		p.Trust = []*Store{store}
		if _, err := p.Check(evidence(issue(t, "leaf", root, nil))); (err == nil) != slices.Contains(test.roots, roots[0]) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An entry by hash that leads nowhere is no end of those with its hash, and is told of
// where no other is of use.
func TestHashedLinks(t *testing.T) {
	root := issue(t, "CA root", nil, nil)
	e := evidence(issue(t, "leaf", root, nil))
	dir := t.TempDir()
	if err := os.Symlink("nowhere", filepath.Join(dir, hashedName(t, root.Certificate, 0))); err != nil {
		t.Fatal(err)
	}
	store, err := LoadStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	p := policy(t, root)
	p.Trust = []*Store{store}
	_, err = p.Check(e)
	wantStoreError(t, err, dir, "the link leads to no file")
	write(t, dir, hashedName(t, root.Certificate, 1), toPEM(root.Certificate))
	wantCodes(t, p, e)
}

// A file whose name looks like that of an entry by hash makes a directory one of those.
func TestHashNames(t *testing.T) {
	for name, want := range map[string]bool{
		"01234567.0": true, "89abcdef.12": true,
		"01234567": false, "01234567.": false, "01234567.r0": false, "0123456.0": false, "012345678.0": false,
		"0123456g.0": false, "0123456A.0": false, "README.1": false, ".0": false,
	} {
		if isHashName(name) != want {
			t.Errorf("%s: %t", name, !want)
		}
	}
}

// BenchmarkStore is the cost of finding one root among 150, and of all that
// comes with it, beside crypto/x509 with just the right root in its pool.
func BenchmarkStore(b *testing.B) {
	// As public issuers make them.
	root := issue(b, "CA root", nil, nil)
	mid := issue(b, "CA mid", root, nil)
	leaf := issue(b, "leaf", mid, nil)
	roots := manyRoots(b, root, 150)
	slices.Reverse(roots)
	dir := b.TempDir()
	file := write(b, dir, "roots.pem", toPEM(certs(roots...)...))
	for _, r := range roots {
		write(b, dir, hashedName(b, r.Certificate, 0), toPEM(r.Certificate))
	}
	e := evidence(leaf, mid)
	b.Run("x509", func(b *testing.B) {
		pool, intermediates := x509.NewCertPool(), x509.NewCertPool()
		pool.AddCert(root.Certificate)
		intermediates.AddCert(mid.Certificate)
		b.ReportAllocs()
		for b.Loop() {
			_, err := leaf.Verify(x509.VerifyOptions{Roots: pool, Intermediates: intermediates, CurrentTime: testNow, DNSName: "host.example"})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	for name, place := range map[string][2]string{"bundle": {file, ""}, "hashed directory": {"", dir}} {
		b.Run(name, func(b *testing.B) {
			p := policy(b, root)
			b.ReportAllocs()
			for b.Loop() {
				store, err := SystemStore(place[0], place[1])
				if err != nil {
					b.Fatal(err)
				}
				p.Trust = []*Store{store}
				if _, err := p.Check(e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A server names its clients' CAs, or none of them.
func TestStoreNames(t *testing.T) {
	a, b := issue(t, "CA a", nil, nil), issue(t, "CA b", nil, nil)
	again := issue(t, "CA a", nil, nil)
	store := storeOf(t, a, b, again)
	want := [][]byte{a.RawSubject, b.RawSubject}
	size := len(a.RawSubject) + len(b.RawSubject)
	if got := store.Names(size); !slices.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("the names are %q, want %q", got, want)
	}
	if got := store.Names(size - 1); got != nil {
		t.Errorf("names that take too much: %q", got)
	}
	dir := t.TempDir()
	hash, ok := nameHash(a.RawSubject)
	if !ok {
		t.Fatal("no hash")
	}
	if err := os.WriteFile(dir+"/"+hash+".0", toPEM(a.Certificate), 0o600); err != nil {
		t.Fatal(err)
	}
	hashed, err := LoadStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := hashed.Names(1 << 20); got != nil {
		t.Errorf("names of a directory by hash: %q", got)
	}
}

// Each name of a file of 10,000 was compared with all before it, by each connection, for a
// second, long after they were too many.
func TestStoreOfManyNames(t *testing.T) {
	const many = 500
	var text []byte
	for i := range many {
		text = append(text, toPEM(issue(t, fmt.Sprintf("device %d", i), nil, nil).Certificate)...)
	}
	store, err := StoreFromPEM("many", text)
	if err != nil {
		t.Fatal(err)
	}
	if cost := testing.AllocsPerRun(3, func() { store.Names(100) }); cost > many/2 {
		t.Errorf("%v allocations", cost)
	}
}

// A bundle as distributions have it, with names between the roots or without, is read
// to its end by a window, and not as a whole.
func TestBundleByWindow(t *testing.T) {
	root := toPEM(issue(t, "CA", nil, nil).Certificate)
	for name, text := range map[string][]byte{
		"bare":  bytes.Repeat(root, 150),
		"named": bytes.Repeat(slices.Concat([]byte("\n# "+strings.Repeat("name ", 100)+"\n"), root), 150),
		"dos":   bytes.Repeat(bytes.ReplaceAll(root, []byte("\n"), []byte("\r\n")), 150),
	} {
		b, err := openedBundle(write(t, t.TempDir(), name, text))
		if err != nil {
			t.Fatal(err)
		}
		if seen, ok := b.file.scanByWindow(func([]byte) error { return nil }); seen != 150 || !ok {
			t.Errorf("%s: %d, %v", name, seen, ok)
		}
		b.file.close()
	}
}
