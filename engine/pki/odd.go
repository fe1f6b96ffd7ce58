package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"slices"
	"time"
)

// This file makes chains as devices, old authorities and careless tools make
// them: some break a rule, some only a habit. What becomes of them is for others
// to say. odd_cases.go lists them.

// OddChain is one of them.
type OddChain struct {
	Name string
	// Credential is what a server shows. Its Leaf is nil: not everyone can
	// parse it.
	Credential *Credential
	// Roots is the root that it should lead to, PEM.
	Roots []byte
	// Strange is the certificate in the chain, or the root, that is odd.
	Strange []byte
}

// OddHost is the name that the chains are for.
const OddHost = "odd.test"

// fields are a certificate's before it is signed, in DER but for extensions.
type fields struct {
	version    []byte // with its tag, or nothing
	serial     []byte
	algorithm  []byte // inner and outer
	outer      []byte // where it is another one
	issuer     []byte
	validity   []byte
	subject    []byte
	spki       []byte
	unique     []byte // issuerUniqueID, subjectUniqueID
	extensions [][]byte
	list       []byte // in place of extensions, with its tag
	tail       []byte // behind it all
	key        crypto.Signer
}

// der makes one element: a tag, a length, the parts.
func der(tag byte, parts ...[]byte) []byte {
	content := slices.Concat(parts...)
	n := len(content)
	switch {
	case n < 0x80:
		return append([]byte{tag, byte(n)}, content...)
	case n < 0x100:
		return append([]byte{tag, 0x81, byte(n)}, content...)
	}
	return append([]byte{tag, 0x82, byte(n >> 8), byte(n)}, content...)
}

func oid(arcs ...byte) []byte { return der(6, arcs) }

// name is a distinguished name of one common name, in a string type.
func name(tag byte, text string) []byte {
	return der(0x30, der(0x31, der(0x30, oid(0x55, 4, 3), der(tag, []byte(text)))))
}

// extension is one of id-ce.
func extension(number byte, critical bool, value []byte) []byte {
	if critical {
		return der(0x30, oid(0x55, 0x1d, number), []byte{1, 1, 0xff}, der(4, value))
	}
	return der(0x30, oid(0x55, 0x1d, number), der(4, value))
}

// The numbers of extensions.
const (
	extSKI, extKeyUsage, extAltName, extBasic              = 14, 15, 17, 19
	extConstraints, extPoints, extPolicies, extAKI, extEKU = 30, 31, 32, 35, 37
)

func (f *fields) set(number byte, critical bool, value []byte) {
	f.drop(number)
	f.extensions = append(f.extensions, extension(number, critical, value))
}

func (f *fields) drop(number byte) {
	f.extensions = slices.DeleteFunc(f.extensions, func(e []byte) bool {
		at := slices.Index(e, 6) // the OID's tag is the first 6 there is
		return len(e) > at+4 && e[at+2] == 0x55 && e[at+3] == 0x1d && e[at+4] == number
	})
}

func altName(parts ...[]byte) []byte { return der(0x30, parts...) }

func dnsName(text string) []byte { return der(0x82, []byte(text)) }

const utf8String, printableString, t61String, bmpString, universalString = 12, 19, 20, 30, 28

// newFields are those of a well-formed certificate: of an authority, or of a
// server with OddHost's name and the address 127.0.0.1.
func newFields(authority bool, common string, serial byte) (*fields, error) {
	key, err := newKey(ECDSAP256)
	if err != nil {
		return nil, err
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC()
	date := func(t time.Time) []byte { return der(23, []byte(t.Format("060102150405Z"))) }
	f := &fields{
		version:   []byte{0xa0, 3, 2, 1, 2},
		serial:    []byte{2, 2, 0x11, serial},
		algorithm: der(0x30, oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2)),
		validity:  der(0x30, date(now.Add(-time.Hour)), date(now.Add(24*time.Hour))),
		subject:   name(utf8String, common),
		spki:      spki,
		key:       key,
	}
	id := f.keyID()
	if authority {
		f.set(extBasic, true, der(0x30, []byte{1, 1, 0xff}))
		f.set(extKeyUsage, true, []byte{3, 2, 1, 6})
	} else {
		f.set(extKeyUsage, true, []byte{3, 2, 7, 0x80})
		f.set(extEKU, false, der(0x30, oid(0x2b, 6, 1, 5, 5, 7, 3, 1)))
		f.set(extAltName, false, altName(dnsName(OddHost), der(0x87, net.IPv4(127, 0, 0, 1).To4())))
	}
	f.set(extSKI, false, der(4, id))
	return f, nil
}

func (f *fields) keyID() []byte {
	sum := sha256.Sum256(f.spki)
	return sum[:20]
}

// signedBy makes the certificate.
func (f *fields) signedBy(issuer *fields) ([]byte, error) {
	if f.issuer == nil {
		f.issuer = issuer.subject
	}
	list := f.list
	if list == nil && len(f.extensions) > 0 {
		list = der(0xa3, der(0x30, f.extensions...))
	}
	tbs := der(0x30, f.version, f.serial, f.algorithm, f.issuer, f.validity, f.subject, f.spki, f.unique, list)
	sum := sha256.Sum256(tbs)
	signature, err := issuer.key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	outer := f.outer
	if outer == nil {
		outer = f.algorithm
	}
	return append(der(0x30, tbs, outer, der(3, []byte{0}, signature)), f.tail...), nil
}

// oddParts are a root, an issuer and a leaf that a case changes.
type oddParts struct {
	root, issuer, leaf *fields
	strange            *fields // which of them is odd
	// chain, where not nil, is what is sent in place of leaf and issuer.
	chain func(root, issuer, leaf []byte) [][]byte
}

// other makes one more certificate of the parts, by another key.
func (p *oddParts) other(authority bool, common string, change func(*fields), issuer *fields) []byte {
	f, err := newFields(authority, common, 9)
	if err != nil {
		panic(err) // there is no randomness
	}
	if change != nil {
		change(f)
	}
	made, err := f.signedBy(issuer)
	if err != nil {
		panic(err)
	}
	return made
}

// Odd makes the odd chains.
func Odd() ([]OddChain, error) {
	var chains []OddChain
	for _, c := range oddCases() {
		made, err := c.make()
		if err != nil {
			return nil, fmt.Errorf("odd chain %s: %w", c.name, err)
		}
		chains = append(chains, *made)
	}
	return chains, nil
}

func (c *oddCase) make() (*OddChain, error) {
	p := &oddParts{}
	for i, part := range []**fields{&p.root, &p.issuer, &p.leaf} {
		f, err := newFields(i < 2, []string{"Odd root", "Odd issuer", OddHost}[i], byte(i+1))
		if err != nil {
			return nil, err
		}
		*part = f
	}
	p.issuer.set(extAKI, false, der(0x30, der(0x80, p.root.keyID())))
	p.leaf.set(extAKI, false, der(0x30, der(0x80, p.issuer.keyID())))
	p.strange = p.leaf
	c.change(p)
	root, err := p.root.signedBy(p.root)
	if err != nil {
		return nil, err
	}
	issuer, err := p.issuer.signedBy(p.root)
	if err != nil {
		return nil, err
	}
	leaf, err := p.leaf.signedBy(p.issuer)
	if err != nil {
		return nil, err
	}
	chain := [][]byte{leaf, issuer}
	if p.chain != nil {
		chain = p.chain(root, issuer, leaf)
	}
	strange := map[*fields][]byte{p.leaf: leaf, p.issuer: issuer, p.root: root}[p.strange]
	return &OddChain{
		Name:       c.name,
		Credential: &Credential{Chain: chain, Key: p.leaf.key},
		Roots:      pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root}),
		Strange:    strange,
	}, nil
}
