package mtc

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"tlsify/engine/trustanchor"
)

// issuer is a CA with a log in memory.
type issuer struct {
	id      trustanchor.ID
	key     crypto.Signer
	tree    tree
	entries [][]byte
	ca      *CA
}

func id(text string) trustanchor.ID {
	id, err := trustanchor.ParseID(text)
	if err != nil {
		panic(err)
	}
	return id
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func spkiOf(key crypto.Signer) []byte { return must(x509.MarshalPKIXPublicKey(key.Public())) }

var dates = x509.Certificate{NotBefore: time.Unix(1_700_000_000, 0), NotAfter: time.Unix(1_900_000_000, 0)}

func (a *Authority) parsed() *x509.Certificate {
	return must(x509.ParseCertificate(must(a.Certificate())))
}

func newIssuer(t testing.TB, name string, key crypto.Signer) *issuer {
	t.Helper()
	i := &issuer{id: id(name), key: key}
	cert := (&Authority{ID: i.id, SPKI: spkiOf(key), MinSerial: Serial(1, 0), MaxSerial: Serial(2, maxIndex), Template: dates}).parsed()
	var err error
	if i.ca, err = ParseCA(cert); err != nil {
		t.Fatal(err)
	}
	i.log(NullEntry())
	return i
}

func (i *issuer) log(entry []byte) uint64 {
	i.entries = append(i.entries, entry)
	i.tree.leaves = append(i.tree.leaves, LeafHash(crypto.SHA256, entry))
	return uint64(len(i.entries) - 1)
}

// issue logs an entry for a key and returns its index.
func (i *issuer) issue(name string, spki []byte) uint64 {
	template := dates
	template.DNSNames = []string{name}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	return i.log(must(Entry(i.id, &template, spki)))
}

// sign is a cosignature over a subtree of log 1.
func (i *issuer) sign(cosigner string, key crypto.Signer, in Interval) Signature {
	hash := must(SubtreeHash(crypto.SHA256, i.tree.node, in))
	return Signature{id(cosigner), signMessage(key, CosignedMessage(id(cosigner), i.id, 1, 0, in, hash))}
}

func signMessage(key crypto.Signer, message []byte) []byte {
	opts := crypto.SignerOpts(crypto.Hash(0))
	if key, ok := key.Public().(*ecdsa.PublicKey); ok {
		opts = crypto.SHA256
		if key.Curve == elliptic.P384() {
			opts = crypto.SHA384
		}
	}
	return must(crypto.SignMessage(key, rand.Reader, message, opts))
}

// proof is one for an entry, in a subtree.
func (i *issuer) proof(index uint64, in Interval, signatures ...Signature) *Proof {
	return &Proof{Subtree: in, Inclusion: must(InclusionProof(crypto.SHA256, i.tree.node, index, in)), Signatures: signatures}
}

func (i *issuer) certificate(index uint64, spki []byte, proof *Proof) *x509.Certificate {
	return must(x509.ParseCertificate(must(Certificate(i.entries[index], spki, Serial(1, index), proof))))
}

func newP256() crypto.Signer { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

// keys has one of each kind that a cosigner's may be.
func keys() map[string]crypto.Signer {
	_, edwards, _ := ed25519.GenerateKey(rand.Reader)
	return map[string]crypto.Signer{
		"P-256":     newP256(),
		"P-384":     must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)),
		"Ed25519":   edwards,
		"ML-DSA-44": must(mldsa.GenerateKey(mldsa.MLDSA44())),
		"ML-DSA-65": must(mldsa.GenerateKey(mldsa.MLDSA65())),
		"ML-DSA-87": must(mldsa.GenerateKey(mldsa.MLDSA87())),
	}
}

func kindOf(err error) string {
	var e *Error
	switch {
	case err == nil:
		return "accepted"
	case !errors.As(err, &e):
		return err.Error()
	}
	return [...]string{"malformed", "revoked", "unproven", "unknown"}[e.Kind]
}

// What is issued here is accepted here, by every kind of key.
func TestStandalone(t *testing.T) {
	for name, key := range keys() {
		i := newIssuer(t, "32473.1", key)
		spki := spkiOf(key)
		for n := range 12 {
			i.issue(fmt.Sprintf("%d.example", n), spki)
		}
		in := Interval{8, 13}
		cert := i.certificate(10, spki, i.proof(10, in, i.sign("32473.1", key, in)))
		g, err := i.ca.Check(cert, nil, false)
		if err != nil || g.Log != 1 || g.Index != 10 || g.Subtree != in || g.Cosigners != nil {
			t.Errorf("%s: %+v, %v", name, g, err)
		}
		for n := range cert.Raw {
			if name != "P-256" {
				break
			}
			changed := bytes.Clone(cert.Raw)
			changed[n] ^= 1
			parsed, err := x509.ParseCertificate(changed)
			if err != nil {
				continue
			}
			if _, err := i.ca.Check(parsed, nil, false); err == nil {
				t.Errorf("%s: accepted with a change at %d", name, n)
			}
		}
	}
}

// Each MUST of the draft about a proof.
func TestRefused(t *testing.T) {
	all := keys()
	key, other := all["P-256"], all["P-384"]
	i := newIssuer(t, "32473.1", key)
	spki := spkiOf(other)
	for n := range 12 {
		i.issue(fmt.Sprintf("%d.example", n), spki)
	}
	in, index := Interval{8, 13}, uint64(10)
	own := i.sign("32473.1", key, in)
	good := func() *Proof { return i.proof(index, in, own) }
	hash := must(SubtreeHash(crypto.SHA256, i.tree.node, in))
	signed := func(message []byte) *Proof { return i.proof(index, in, Signature{i.id, signMessage(key, message)}) }
	change := func(what func(p *Proof)) *Proof { p := good(); what(p); return p }
	for name, c := range map[string]struct {
		proof *Proof
		want  string
	}{
		"good": {good(), "accepted"},
		"unknown cosigners before and behind": {i.proof(index, in,
			Signature{id("9"), nil}, Signature{id("32473.0"), []byte("no")}, own, Signature{id("32473.2"), []byte("no")},
			Signature{id("32473.1.1"), []byte("longer, and so behind what is greater")}), "accepted"},
		"longer before shorter":  {i.proof(index, in, Signature{id("32473.0.1"), nil}, own), "malformed"},
		"twice":                  {i.proof(index, in, own, own), "malformed"},
		"another twice":          {i.proof(index, in, own, Signature{id("32473.3"), nil}, Signature{id("32473.3"), nil}), "malformed"},
		"not in order":           {i.proof(index, in, Signature{id("32473.3"), nil}, own), "malformed"},
		"no signature":           {i.proof(index, in), "unknown"},
		"only another's":         {i.proof(index, in, i.sign("32473.3", other, in)), "unproven"},
		"a timestamp":            {signed(CosignedMessage(i.id, i.id, 1, 1_800_000_000, in, hash)), "unproven"},
		"another log":            {signed(CosignedMessage(i.id, i.id, 2, 0, in, hash)), "unproven"},
		"another cosigner":       {signed(CosignedMessage(id("32473.3"), i.id, 1, 0, in, hash)), "unproven"},
		"another subtree":        {signed(CosignedMessage(i.id, i.id, 1, 0, Interval{8, 14}, hash)), "unproven"},
		"the entry's subtree":    {i.proof(index, Interval{10, 11}, i.sign("32473.1", key, Interval{10, 11})), "accepted"},
		"a whole log's":          {i.proof(index, Interval{0, 13}, i.sign("32473.1", key, Interval{0, 13})), "accepted"},
		"no subtree":             {change(func(p *Proof) { p.Subtree = Interval{9, 13} }), "unproven"},
		"outside":                {change(func(p *Proof) { p.Subtree = Interval{0, 8} }), "unproven"},
		"a hash too many":        {change(func(p *Proof) { p.Inclusion = append(p.Inclusion, hash...) }), "unproven"},
		"a hash too few":         {change(func(p *Proof) { p.Inclusion = p.Inclusion[32:] }), "unproven"},
		"half a hash":            {change(func(p *Proof) { p.Inclusion = append(p.Inclusion, 1) }), "unproven"},
		"extensions of no entry": {change(func(p *Proof) { p.Extensions = []byte{0, 1, 0, 0} }), "unproven"},
		"malformed extensions":   {change(func(p *Proof) { p.Extensions = []byte{0, 1, 0} }), "malformed"},
		"extensions in disorder": {change(func(p *Proof) { p.Extensions = []byte{0, 2, 0, 0, 0, 1, 0, 0} }), "malformed"},
	} {
		_, err := i.ca.Check(i.certificate(index, spki, c.proof), nil, false)
		if got := kindOf(err); got != c.want {
			t.Errorf("%s: %s (%v), want %s", name, got, err, c.want)
		}
	}
}

// A proof is all of what stands in a signature's place, and each of its parts is whole.
func TestMalformedProof(t *testing.T) {
	p := &Proof{Extensions: []byte{0, 1, 0, 0, 0, 2, 0, 1, 9}, Subtree: Interval{8, 13}, Inclusion: make([]byte, 96),
		Signatures: []Signature{{id("1"), []byte("x")}, {id("2"), nil}}}
	good := must(p.Marshal())
	if again, err := ParseProof(good); err != nil || !bytes.Equal(must(again.Marshal()), good) {
		t.Fatal(err)
	}
	for n := range good {
		if _, err := ParseProof(good[:n]); err == nil {
			t.Errorf("%d of %d bytes are accepted", n, len(good))
		}
	}
	if _, err := ParseProof(append(bytes.Clone(good), 0)); err == nil {
		t.Error("a byte more is accepted")
	}
	for name, list := range map[string][]Signature{
		"a signature of nobody":          {{"", []byte("x")}},
		"one of nobody behind another's": {{id("1"), nil}, {"", nil}},
	} {
		if _, err := ParseProof(must((&Proof{Signatures: list}).Marshal())); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	for _, part := range []string{"\x00\x01\x00", "\x00\x01\x00\x01", "\x00", "\x00\x01\x00\x00\x00\x01\x00\x00"} {
		if _, err := ParseProof(must((&Proof{Extensions: []byte(part)}).Marshal())); err == nil {
			t.Errorf("extensions %q are accepted", part)
		}
	}
	for _, in := range []Interval{{5, 4}, {0, maxIndex + 1}} {
		if _, err := (&Proof{Subtree: in}).Marshal(); err == nil {
			t.Errorf("%v can be written", in)
		}
	}
}

// The serial number's upper 16 bits are the log, the lower 48 the entry; the
// CA's certificate limits the whole of it.
func TestSerials(t *testing.T) {
	key := newP256()
	i := newIssuer(t, "32473.1", key)
	spki := spkiOf(key)
	for n := range 12 {
		i.issue(fmt.Sprintf("%d.example", n), spki)
	}
	in := Interval{8, 13}
	proof := i.proof(10, in, i.sign("32473.1", key, in))
	for serial, want := range map[uint64]string{
		Serial(1, 10): "accepted", Serial(1, 11): "unproven", Serial(2, 10): "unproven",
		Serial(0, 10): "revoked", Serial(3, 10): "revoked", 10: "revoked", Serial(maxLog, 10): "revoked",
	} {
		cert := must(x509.ParseCertificate(must(Certificate(i.entries[10], spki, serial, proof))))
		if _, err := i.ca.Check(cert, nil, false); kindOf(err) != want {
			t.Errorf("%x: %v, want %s", serial, err, want)
		}
	}
	for _, c := range []struct {
		least, greatest uint64
		want            string
	}{
		{Serial(1, 10), Serial(1, 10), "accepted"}, {Serial(1, 11), 1<<64 - 1, "revoked"}, {0, Serial(1, 9), "revoked"},
		{0, 1<<64 - 1, "accepted"},
	} {
		ca := *i.ca
		ca.MinSerial, ca.MaxSerial = c.least, c.greatest
		if _, err := ca.Check(i.certificate(10, spki, proof), nil, false); kindOf(err) != c.want {
			t.Errorf("%x to %x: %v, want %s", c.least, c.greatest, err, c.want)
		}
	}
	ca := *i.ca
	ca.MinSerial = 0
	cert := must(x509.ParseCertificate(must(Certificate(i.entries[10], spki, 10, proof))))
	if _, err := ca.Check(cert, nil, false); kindOf(err) != "malformed" {
		t.Errorf("log 0: %v", err)
	}
}

// A quorum counts cosigners that are known, each once, and not the CA.
func TestQuorum(t *testing.T) {
	all := keys()
	key := all["P-256"]
	i := newIssuer(t, "32473.1", key)
	spki := spkiOf(key)
	i.issue("a.example", spki)
	in := Interval{0, 2}
	cosigner := func(name, kind string) Cosigner { return Cosigner{id(name), must(NewKey(all[kind].Public()))} }
	trust := func(n int) *Trust {
		return &Trust{Quorum: n, Cosigners: []Cosigner{cosigner("32473.1", "P-256"), cosigner("32473.2", "ML-DSA-44"),
			cosigner("32473.3", "P-384"), cosigner("32473.4", "Ed25519")}}
	}
	own := i.sign("32473.1", key, in)
	two, three := i.sign("32473.2", all["ML-DSA-44"], in), i.sign("32473.3", all["P-384"], in)
	wrong := i.sign("32473.4", all["P-384"], in)
	for _, c := range []struct {
		quorum     int
		signatures []Signature
		want       string
	}{
		{0, []Signature{own}, "accepted"}, {1, []Signature{own}, "unproven"}, {1, []Signature{own, two}, "accepted"},
		{2, []Signature{own, two}, "unproven"}, {2, []Signature{own, two, three}, "accepted"}, {3, []Signature{own, two, three}, "unproven"},
		{3, []Signature{own, two, three, wrong}, "unproven"}, {2, []Signature{two, three}, "unproven"}, {0, []Signature{own, wrong}, "accepted"},
	} {
		cert := i.certificate(1, spki, i.proof(1, in, c.signatures...))
		if _, err := i.ca.Check(cert, trust(c.quorum), false); kindOf(err) != c.want {
			t.Errorf("%d of %d signatures: %v, want %s", c.quorum, len(c.signatures), err, c.want)
		}
	}
	cert := i.certificate(1, spki, i.proof(1, in, own, two, three))
	if _, err := i.ca.Check(cert, trust(1), true); err != nil {
		t.Errorf("one post-quantum cosigner: %v", err)
	}
	if _, err := i.ca.Check(cert, trust(2), true); kindOf(err) != "unproven" {
		t.Errorf("a classical cosigner counted as post-quantum: %v", err)
	}
}

// A trusted subtree settles it: no signature is needed, and none helps.
func TestLandmark(t *testing.T) {
	key := newP256()
	i := newIssuer(t, "32473.1", key)
	spki := spkiOf(key)
	for n := range 12 {
		i.issue(fmt.Sprintf("%d.example", n), spki)
	}
	in := Interval{8, 13}
	hash := must(SubtreeHash(crypto.SHA256, i.tree.node, in))
	bare := i.certificate(10, spki, i.proof(10, in))
	signed := i.certificate(10, spki, i.proof(10, in, i.sign("32473.1", key, in)))
	for name, c := range map[string]struct {
		landmarks Landmarks
		cert      *x509.Certificate
		want      string
	}{
		"trusted":              {Landmarks{i.id, 1, 1, []Subtree{{in, hash}}}, bare, "accepted"},
		"another log's":        {Landmarks{i.id, 2, 1, []Subtree{{in, hash}}}, bare, "unknown"},
		"another CA's":         {Landmarks{id("32473.2"), 1, 1, []Subtree{{in, hash}}}, bare, "unknown"},
		"another subtree":      {Landmarks{i.id, 1, 1, []Subtree{{Interval{8, 12}, hash}}}, bare, "unknown"},
		"another hash":         {Landmarks{i.id, 1, 1, []Subtree{{in, bytes.Repeat([]byte{1}, 32)}}}, bare, "unproven"},
		"another hash, signed": {Landmarks{i.id, 1, 1, []Subtree{{in, bytes.Repeat([]byte{1}, 32)}}}, signed, "unproven"},
		"standalone, no match": {Landmarks{i.id, 2, 1, []Subtree{{in, hash}}}, signed, "accepted"},
		"a quorum not there":   {Landmarks{i.id, 1, 1, []Subtree{{in, hash}}}, bare, "accepted"},
	} {
		trust := &Trust{Quorum: 1}
		if name == "standalone, no match" {
			trust.Quorum = 0
		}
		if err := trust.AddLandmarks(&c.landmarks); err != nil {
			t.Fatal(err)
		}
		if _, err := i.ca.Check(c.cert, trust, false); kindOf(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	trust := &Trust{}
	l := &Landmarks{i.id, 1, 1, []Subtree{{in, hash}}}
	if err := errors.Join(trust.AddLandmarks(l)); err != nil {
		t.Fatal(err)
	}
	if trust.AddLandmarks(l) == nil {
		t.Error("a subtree was given twice")
	}
}

// A hostile proof costs no more than an honest one: as many hashes as the
// subtree has levels, and the signatures of those who are known.
func TestCostIsBounded(t *testing.T) {
	key := keys()["ML-DSA-87"]
	i := newIssuer(t, "32473.1", key)
	spki := spkiOf(key)
	i.issue("a.example", spki)
	p := i.proof(1, Interval{0, 2})
	p.Subtree = Interval{0, maxIndex}
	p.Inclusion = bytes.Repeat([]byte{7}, 2047*32)
	for n := range 5000 {
		p.Signatures = append(p.Signatures, Signature{id("32474").With(uint64(n + 20000)), []byte("x")})
	}
	cert := i.certificate(1, spki, p)
	n := testing.AllocsPerRun(5, func() {
		if _, err := i.ca.Check(cert, nil, false); err == nil {
			t.Error("accepted")
		}
	})
	// The list of signatures grows with what was sent, and nothing else does.
	if n > 20_000 {
		t.Errorf("%v allocations", n)
	}
}

func TestParseCA(t *testing.T) {
	key := newP256()
	a := Authority{ID: id("32473.1"), SPKI: spkiOf(key), MaxSerial: 1<<64 - 1, Template: dates}
	whole := a.parsed()
	if string(whole.SubjectKeyId) != "\x81\xfd\x59\x01" { // section 5.5
		t.Errorf("the key is called %x", whole.SubjectKeyId)
	}
	if ca, err := ParseCA(whole); err != nil || ca.ID.String() != "32473.1" || ca.MaxSerial != 1<<64-1 || ca.MinSerial != 0 {
		t.Fatalf("%+v, %v", ca, err)
	}
	find := func(c *x509.Certificate) *[]byte { return &extension(c, oidAuthority).Value }
	for name, change := range map[string]func(c *x509.Certificate){
		"not critical":     func(c *x509.Certificate) { extension(c, oidAuthority).Critical = false },
		"no extension":     func(c *x509.Certificate) { extension(c, oidAuthority).Id = oidProof },
		"no key usage":     func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature },
		"no CA":            func(c *x509.Certificate) { c.IsCA = false },
		"another name":     func(c *x509.Certificate) { c.RawSubject = unsignedName },
		"another key":      func(c *x509.Certificate) { c.RawSubjectPublicKeyInfo = spkiOf(keys()["P-384"]) },
		"cut short":        func(c *x509.Certificate) { *find(c) = (*find(c))[:20] },
		"more behind":      func(c *x509.Certificate) { *find(c) = append(*find(c), 5, 0) },
		"a negative limit": func(c *x509.Certificate) { v := bytes.Clone(*find(c)); v[len(v)-9] = 0x80; *find(c) = v },
	} {
		c := a.parsed()
		change(c)
		if _, err := ParseCA(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	long := a
	long.ID = trustanchor.ID(bytes.Repeat([]byte{0x7f}, 100))
	if _, err := ParseCA(long.parsed()); err == nil {
		t.Error("an ID whose log's name is too long to be signed")
	}
}

// The CA's extension is in the form of section 5.5, with the object identifiers that each
// of the algorithms has elsewhere; and so is its name, by section 5.1.
func TestCAForm(t *testing.T) {
	type algorithm = pkix.AlgorithmIdentifier
	oid := func(text string) (oid asn1.ObjectIdentifier) {
		for part := range strings.SplitSeq(text, ".") {
			oid = append(oid, must(strconv.Atoi(part)))
		}
		return oid
	}
	null := asn1.RawValue{Tag: asn1.TagNull}
	key := keys()["ML-DSA-87"]
	own := algorithm{Algorithm: oid("2.16.840.1.101.3.4.3.19")}
	sha256, sha384, sha512 := oid("2.16.840.1.101.3.4.2.1"), oid("2.16.840.1.101.3.4.2.2"), oid("2.16.840.1.101.3.4.2.3")
	parsed := func(value, name []byte) (*CA, error) {
		a := Authority{ID: id("32473.1"), SPKI: spkiOf(key), MaxSerial: 1<<64 - 1, Template: dates}
		c := a.parsed()
		if value != nil {
			extension(c, oidAuthority).Value = value
		}
		if name != nil {
			c.RawSubject = name
		}
		return ParseCA(c)
	}
	type form struct {
		Hash, Key  algorithm
		Least, Top int
	}
	for _, c := range []struct {
		value any
		want  crypto.Hash
	}{
		{form{algorithm{Algorithm: sha256}, own, 3, 7}, crypto.SHA256}, {form{algorithm{Algorithm: sha384}, own, 3, 7}, crypto.SHA384},
		{form{algorithm{Algorithm: sha512}, own, 3, 7}, crypto.SHA512}, {form{algorithm{Algorithm: sha256, Parameters: null}, own, 3, 7}, crypto.SHA256},
		{form{algorithm{Algorithm: sha256, Parameters: asn1.RawValue{Tag: asn1.TagInteger, Bytes: []byte{1}}}, own, 3, 7}, 0},
		{form{algorithm{Algorithm: sha256, Parameters: asn1.RawValue{Tag: asn1.TagNull, Bytes: []byte{1}}}, own, 3, 7}, 0},
		{form{algorithm{Algorithm: sha256}, algorithm{Algorithm: own.Algorithm, Parameters: null}, 3, 7}, 0},
		{form{algorithm{Algorithm: oid("1.3.14.3.2.26")}, own, 3, 7}, 0},
		{form{algorithm{Algorithm: sha256}, algorithm{Algorithm: oid("2.16.840.1.101.3.4.3.18")}, 3, 7}, 0},
		{struct{ Hash, Key algorithm }{algorithm{Algorithm: sha256}, own}, 0},
		{struct {
			Hash, Key algorithm
			Least     int
		}{algorithm{Algorithm: sha256}, own, 3}, 0},
		{struct {
			Hash, Key        algorithm
			Least, Top, More int
		}{algorithm{Algorithm: sha256}, own, 3, 7, 9}, 0},
		{struct{ Hash algorithm }{algorithm{Algorithm: sha256}}, 0},
	} {
		ca, err := parsed(must(asn1.Marshal(c.value)), nil)
		switch {
		case c.want == 0 && err == nil:
			t.Errorf("%v: accepted", c.value)
		case c.want != 0 && (err != nil || ca.Hash != c.want || ca.MinSerial != 3 || ca.MaxSerial != 7):
			t.Errorf("%v: %+v, %v", c.value, ca, err)
		}
	}

	utf8 := func(text string) asn1.RawValue { return asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte(text)} }
	type attribute struct {
		Type  asn1.ObjectIdentifier
		Value asn1.RawValue
	}
	type set []attribute
	named := func(sets ...any) []byte { return must(asn1.Marshal(sets)) }
	setOf := func(list ...attribute) asn1.RawValue {
		der := must(asn1.MarshalWithParams(set(list), "set"))
		return asn1.RawValue{FullBytes: der}
	}
	good := attribute{oid("1.3.6.1.4.1.44363.47.1"), utf8("32473.1")}
	if ca, err := parsed(nil, named(setOf(good))); err != nil || ca.ID != id("32473.1") {
		t.Errorf("%+v, %v", ca, err)
	}
	for what, name := range map[string][]byte{
		"nothing":           {},
		"no RDN":            named(),
		"two RDNs":          named(setOf(good), setOf(good)),
		"two attributes":    named(setOf(good, attribute{good.Type, utf8("32473.2")})),
		"another attribute": named(setOf(attribute{oid("2.5.4.3"), utf8("32473.1")})),
		"another string":    named(setOf(attribute{good.Type, asn1.RawValue{Tag: asn1.TagPrintableString, Bytes: []byte("32473.1")}})),
		"another text":      named(setOf(attribute{good.Type, utf8("32473.01")})),
		"more behind":       append(named(setOf(good)), 5, 0),
		"no set":            must(asn1.Marshal([]attribute{good})),
		"more inside": named(asn1.RawValue{FullBytes: must(asn1.MarshalWithParams([]struct {
			Type  asn1.ObjectIdentifier
			Value asn1.RawValue
			More  int
		}{{good.Type, good.Value, 1}}, "set"))}),
	} {
		if ca, err := parsed(nil, name); err == nil {
			t.Errorf("%s: accepted as %v", what, ca.ID)
		}
	}
}

func TestTextForms(t *testing.T) {
	hash := strings.Repeat("ab", 32)
	good := "tlsify-mtc-landmarks 1\n# a comment\n\nlog 32473.1 1 42\nsubtree 0 8 " + hash + "\nsubtree 8 13 " + hash + "\nlog 32473.1 2 0\n"
	logs, err := ParseLandmarks([]byte(good))
	if err != nil || len(logs) != 2 || len(logs[0].Subtrees) != 2 || logs[0].Last != 42 {
		t.Fatalf("%+v, %v", logs, err)
	}
	if group, ok := logs[0].Group(); !ok || group.String() != "32473.1.2.1.42" {
		t.Errorf("group %v", group)
	}
	if _, ok := logs[1].Group(); ok {
		t.Error("a group without a landmark")
	}
	again, err := ParseLandmarks(MarshalLandmarks(logs))
	if err != nil || fmt.Sprint(again[0]) != fmt.Sprint(logs[0]) {
		t.Errorf("%v, %v", again, err)
	}
	for _, bad := range []string{
		"", "log 32473.1 1 42\n", good + "subtree 0 8 " + hash + "\n" + "subtree 0 8 " + hash + "\n", strings.TrimSuffix(good, "\n"),
		"tlsify-mtc-landmarks 1\n", "tlsify-mtc-landmarks 2\nlog 32473.1 1 42\n",
		good + "log 32473.1 1 42\n", good + "subtree 9 13 " + hash + "\n", good + "subtree 0 08 " + hash + "\n",
		good + "subtree 0 4 " + hash[2:] + "\n", good + "subtree 4 4 " + hash + "\n", good + "subtree 0 4  " + hash + "\n",
		good + "log 32473.1 65536 1\n", good + "log 32473.01 3 1\n", good + "log 32473.1 3 -1\n", good + "else\n", good + "\r\n",
		"tlsify-mtc-landmarks 1\nsubtree 0 4 " + hash + "\n", good + "log 32473.1 0 1\n", good + "log 32473.1 x 1\n",
		good + "log 32473.1 3\n", good + "log 32473.1 3 1 1\n", good + "other 0 4 " + hash + "\n", good + "subtree 0 4\n", good + "subtree 0 x " + hash + "\n",
		good + "subtree 0 4 " + strings.Repeat("ab", 65) + "\n", good + "subtree 0 4 x" + hash[1:] + "\n", good + "subtree 0 281474976710656 " + hash + "\n",
		good + strings.Repeat("#", maxText) + "\n",
	} {
		if _, err := ParseLandmarks([]byte(bad)); err == nil {
			t.Errorf("accepted: %.200q", bad)
		}
	}
	if _, err := ParseLandmarks([]byte(good + "else\n")); err == nil || !strings.HasPrefix(err.Error(), "line 8: ") {
		t.Errorf("the wrong line is not named: %v", err)
	}
	if logs, err := ParseLandmarks([]byte(good + "log 32473.2 1 1\n" + "subtree 0 281474976710655 " + hash + hash + "\n")); err != nil || len(logs) != 3 {
		t.Errorf("the longest: %v, %v", logs, err)
	}
	all := keys()
	line := func(name, kind string) string {
		return name + " " + base64.StdEncoding.EncodeToString(spkiOf(all[kind])) + "\n"
	}
	list, err := ParseCosigners([]byte(line("32473.2", "P-256") + "# more\n" + line("32473.3", "ML-DSA-65")))
	if err != nil || len(list) != 2 || !list[1].Key.PostQuantum() || list[0].Key.PostQuantum() {
		t.Errorf("%v, %v", list, err)
	}
	for _, bad := range []string{
		"", "# none\n", line("32473.2", "P-256") + line("32473.2", "P-384"), line("32473.2", "P-256") + line("32473.3", "P-256"),
		"32473.2 AAAA\n", "32473.2\n", "x " + line("32473.2", "P-256"), strings.TrimSuffix(line("32473.2", "P-256"), "\n"),
		strings.TrimSuffix(line("32473.2", "P-256"), "\n") + " more\n", "32473.2 " + strings.ReplaceAll(line("", "P-256")[1:], "A", "!"),
	} {
		if _, err := ParseCosigners([]byte(bad)); err == nil {
			t.Errorf("accepted: %.100q", bad)
		}
	}
}
