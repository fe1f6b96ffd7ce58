package pki

import (
	"bytes"
	"strings"
	"time"
)

// oddCase is one odd chain.
type oddCase struct {
	name   string
	change func(*oddParts)
}

// oddity is a fault or a habit that a certificate of any kind may have.
type oddity struct {
	name   string
	change func(*fields)
}

func oddCases() []oddCase {
	var cases []oddCase
	add := func(place string, list []oddity, part func(*oddParts) *fields) {
		for _, o := range list {
			cases = append(cases, oddCase{place + "/" + o.name, func(p *oddParts) {
				p.strange = part(p)
				o.change(p.strange)
			}})
		}
	}
	add("leaf", append(anyOdd(), leafOdd()...), func(p *oddParts) *fields { return p.leaf })
	add("issuer", append(anyOdd()[:16], issuerOdd()...), func(p *oddParts) *fields { return p.issuer })
	add("root", append(anyOdd()[:6], rootOdd()...), func(p *oddParts) *fields { return p.root })
	return append(cases, chainOdd()...)
}

// deepArc is an object identifier with an arc of 2^60, which is one of
// 1.3.6.1.4.1.
var deepArc = oid(0x2b, 6, 1, 4, 1, 0x90, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0)

func policies(oids ...[]byte) []byte {
	var list [][]byte
	for _, o := range oids {
		list = append(list, der(0x30, o))
	}
	return der(0x30, list...)
}

var somePolicy = oid(0x67, 0x81, 0x0c, 1, 2, 1)

func wide(text string, bytesEach int) string {
	var b strings.Builder
	for _, r := range text {
		b.Write(make([]byte, bytesEach-1))
		b.WriteByte(byte(r))
	}
	return b.String()
}

// anyOdd is for leaves, issuers and roots; those that go first are for all of
// them.
func anyOdd() []oddity {
	serial := func(content ...byte) func(*fields) {
		return func(f *fields) { f.serial = der(2, content) }
	}
	subject := func(tag byte, text string) func(*fields) {
		return func(f *fields) { f.subject = name(tag, text) }
	}
	return []oddity{
		{"serial-negative", serial(0xd1, 2, 3)},
		{"serial-zero", serial(0)},
		{"subject-printable-at", subject(printableString, "a@odd.test")},
		{"subject-t61", subject(t61String, "Odd \xe9")},
		{"policy-twice", func(f *fields) { f.set(extPolicies, false, policies(somePolicy, somePolicy)) }},
		{"true-01", func(f *fields) {
			for i, e := range f.extensions {
				f.extensions[i] = bytes.Replace(e, []byte{1, 1, 0xff, 4}, []byte{1, 1, 1, 4}, 1)
			}
		}},
		{"serial-21-bytes", serial(bytes.Repeat([]byte{0x7a}, 21)...)},
		{"serial-40-bytes", serial(bytes.Repeat([]byte{0x7a}, 40)...)},
		{"serial-leading-zero", serial(0, 0, 1)},
		{"subject-printable-star", subject(printableString, "*.odd.test")},
		{"subject-universal", subject(universalString, wide("Odd", 4))},
		{"subject-bmp", subject(bmpString, wide("Odd", 2))},
		{"subject-utf8-invalid", subject(utf8String, "Odd \xff\xfe")},
		{"policy-arc-2^60", func(f *fields) { f.set(extPolicies, false, policies(deepArc)) }},
		{"unknown-critical", func(f *fields) { f.extensions = append(f.extensions, extension(99, true, []byte{5, 0})) }},
		{"constraint-mail-at", func(f *fields) {
			f.set(extConstraints, false, der(0x30, der(0xa1, der(0x30, der(0x81, []byte("@"))))))
		}},
		{"unknown", func(f *fields) { f.extensions = append(f.extensions, extension(99, false, []byte{5, 0})) }},
		{"extension-twice", func(f *fields) { f.extensions = append(f.extensions, f.extensions[0]) }},
		{"extensions-empty", func(f *fields) { f.list = der(0xa3, der(0x30)) }},
		{"version-1", func(f *fields) { f.version, f.list = nil, []byte{} }},
		{"version-1-extensions", func(f *fields) { f.version = nil }},
		{"subject-many-in-one", func(f *fields) {
			f.subject = der(0x30, der(0x31, der(0x30, oid(0x55, 4, 3), der(utf8String, []byte("a"))), der(0x30, oid(0x55, 4, 10), der(utf8String, []byte("b")))))
		}},
		{"unique-ids", func(f *fields) { f.unique = append(der(0x81, []byte{0, 1}), der(0x82, []byte{0, 2})...) }},
		{"dates-general", func(f *fields) {
			now := time.Now().UTC()
			f.validity = der(0x30, der(24, []byte(now.Add(-time.Hour).Format("20060102150405Z"))), der(24, []byte(now.Add(time.Hour).Format("20060102150405Z"))))
		}},
		{"dates-without-seconds", func(f *fields) {
			now := time.Now().UTC()
			f.validity = der(0x30, der(23, []byte(now.Add(-time.Hour).Format("0601021504Z"))), der(23, []byte(now.Add(time.Hour).Format("0601021504Z"))))
		}},
		{"dates-with-zone", func(f *fields) {
			now := time.Now().UTC()
			f.validity = der(0x30, der(23, []byte(now.Add(-time.Hour).Format("060102150405")+"+0000")), der(23, []byte(now.Add(2*time.Hour).Format("060102150405")+"+0000")))
		}},
		{"dates-for-ever", func(f *fields) {
			f.validity = der(0x30, der(23, []byte("200101000000Z")), der(24, []byte("99991231235959Z")))
		}},
		{"algorithms-differ", func(f *fields) { f.outer = der(0x30, oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3)) }},
		{"algorithm-null", func(f *fields) { f.algorithm = der(0x30, oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2), []byte{5, 0}) }},
		{"byte-behind", func(f *fields) { f.tail = []byte{0} }},
	}
}

// leafOdd is for leaves: their names and what they are for.
func leafOdd() []oddity {
	names := func(parts ...[]byte) func(*fields) {
		return func(f *fields) { f.set(extAltName, false, altName(append([][]byte{dnsName(OddHost)}, parts...)...)) }
	}
	return []oddity{
		{"name-address-5-bytes", names(der(0x87, []byte{1, 2, 3, 4, 5}))},
		{"name-address-mask", names(der(0x87, []byte{10, 0, 0, 1, 255, 0, 0, 0}))},
		{"name-address-empty", names(der(0x87))},
		{"name-address-mapped", names(der(0x87, []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 127, 0, 0, 1}))},
		{"name-uri-blank", names(der(0x86, []byte("http://odd.test/a b")))},
		{"name-uri-empty", names(der(0x86))},
		{"name-dns-utf8", names(dnsName("ödd.test"))},
		{"name-dns-blank", names(dnsName("odd .test"))},
		{"name-dns-empty", names(dnsName(""))},
		{"name-dns-dot", names(dnsName("other.test."))},
		{"name-dns-address", names(dnsName("127.0.0.1"))},
		{"name-mail-utf8", names(der(0x81, []byte("ö@odd.test")))},
		{"name-other", names(der(0xa0, oid(0x2b, 6, 1, 4, 1, 0x82, 0x37, 20, 2, 3), der(0xa0, der(12, []byte("a@odd.test")))))},
		{"name-directory", names(der(0xa4, name(utf8String, "odd")))},
		{"name-registered", names(der(0x88, []byte{0x2a, 3, 4}))},
		{"names-none", func(f *fields) { f.set(extAltName, false, altName()) }},
		{"names-critical", func(f *fields) { f.set(extAltName, true, altName(dnsName(OddHost))) }},
		{"subject-empty", func(f *fields) { f.subject = der(0x30) }},
		{"usage-empty", func(f *fields) { f.set(extKeyUsage, true, []byte{3, 1, 0}) }},
		{"usage-long", func(f *fields) { f.set(extKeyUsage, true, []byte{3, 2, 0, 0x80}) }},
		{"purpose-empty", func(f *fields) { f.set(extEKU, false, der(0x30)) }},
		{"purpose-any", func(f *fields) { f.set(extEKU, false, der(0x30, oid(0x55, 0x1d, 37, 0))) }},
		{"purpose-none", func(f *fields) { f.drop(extEKU) }},
		{"key-id-another", func(f *fields) { f.set(extAKI, false, der(0x30, der(0x80, []byte{1, 2, 3}))) }},
		{"point-relative", func(f *fields) {
			f.set(extPoints, false, der(0x30, der(0x30, der(0xa0, der(0xa1, der(0x30, oid(0x55, 4, 3), der(12, []byte("p"))))))))
		}},
		{"basic-pathlen", func(f *fields) { f.set(extBasic, true, der(0x30, []byte{2, 1, 0})) }},
	}
}

func issuerOdd() []oddity {
	constraint := func(critical bool, list []byte) func(*fields) {
		return func(f *fields) { f.set(extConstraints, critical, der(0x30, list)) }
	}
	return []oddity{
		{"constraint-dot", constraint(true, der(0xa0, der(0x30, der(0x82, []byte(".test")))))},
		{"constraint-address-bad", constraint(true, der(0xa0, der(0x30, der(0x87, []byte{1, 2, 3, 4, 5}))))},
		{"constraint-forbids", constraint(true, der(0xa1, der(0x30, der(0x82, []byte("odd.test")))))},
		{"constraint-loose-forbids", constraint(false, der(0xa1, der(0x30, der(0x82, []byte("odd.test")))))},
		{"key-id-none", func(f *fields) { f.drop(extSKI) }},
		{"usage-none", func(f *fields) { f.drop(extKeyUsage) }},
		{"usage-not-signing", func(f *fields) { f.set(extKeyUsage, true, []byte{3, 2, 7, 0x80}) }},
		{"basic-none", func(f *fields) { f.drop(extBasic) }},
		{"basic-no-authority", func(f *fields) { f.set(extBasic, true, der(0x30)) }},
		{"basic-not-critical", func(f *fields) { f.set(extBasic, false, der(0x30, []byte{1, 1, 0xff})) }},
		{"purpose-client", func(f *fields) { f.set(extEKU, false, der(0x30, oid(0x2b, 6, 1, 5, 5, 7, 3, 2))) }},
		{"version-1", func(f *fields) { f.version, f.list = nil, []byte{} }},
		{"expired", expired},
	}
}

func expired(f *fields) {
	f.validity = der(0x30, der(23, []byte("200101000000Z")), der(23, []byte("210101000000Z")))
}

func rootOdd() []oddity {
	return []oddity{
		{"version-1", func(f *fields) { f.version, f.list = nil, []byte{} }},
		{"expired", expired},
		{"usage-not-signing", func(f *fields) { f.set(extKeyUsage, true, []byte{3, 2, 7, 0x80}) }},
	}
}

// chainOdd are chains whose certificates are as they should be.
func chainOdd() []oddCase {
	send := func(chain func(p *oddParts, root, issuer, leaf []byte) [][]byte) func(*oddParts) {
		return func(p *oddParts) {
			p.chain = func(root, issuer, leaf []byte) [][]byte { return chain(p, root, issuer, leaf) }
		}
	}
	return []oddCase{
		{"chain/no-issuer", send(func(_ *oddParts, _, _, leaf []byte) [][]byte { return [][]byte{leaf} })},
		{"chain/with-root", send(func(_ *oddParts, root, issuer, leaf []byte) [][]byte { return [][]byte{leaf, issuer, root} })},
		{"chain/turned", send(func(_ *oddParts, root, issuer, leaf []byte) [][]byte { return [][]byte{leaf, root, issuer} })},
		{"chain/leaf-twice", send(func(_ *oddParts, _, issuer, leaf []byte) [][]byte { return [][]byte{leaf, leaf, issuer} })},
		{"chain/issuer-twice", send(func(_ *oddParts, _, issuer, leaf []byte) [][]byte { return [][]byte{leaf, issuer, issuer} })},
		{"chain/stranger", send(func(p *oddParts, _, issuer, leaf []byte) [][]byte {
			return [][]byte{leaf, p.other(false, "stranger", nil, p.root), issuer}
		})},
		{"chain/junk", send(func(_ *oddParts, _, issuer, leaf []byte) [][]byte { return [][]byte{leaf, issuer, {0x30, 3, 2, 1, 1}} })},
		{"chain/namesake-first", send(func(p *oddParts, _, issuer, leaf []byte) [][]byte {
			return [][]byte{leaf, p.other(true, "Odd issuer", nil, p.root), issuer}
		})},
		{"chain/expired-first", send(func(p *oddParts, _, issuer, leaf []byte) [][]byte {
			return [][]byte{leaf, p.other(true, "Odd issuer", func(f *fields) {
				f.spki, f.key = p.issuer.spki, p.issuer.key
				expired(f)
			}, p.root), issuer}
		})},
		{"chain/issuer-re-encoded", func(p *oddParts) { p.leaf.issuer = name(printableString, "odd  ISSUER") }},
		{"chain/malformed-namesake-first", send(func(p *oddParts, _, issuer, leaf []byte) [][]byte {
			return [][]byte{leaf, p.other(true, "Odd issuer", func(f *fields) { f.set(extAltName, false, altName(der(0x87, []byte{1}))) }, p.root), issuer}
		})},
		{"chain/cut-issuer", send(func(_ *oddParts, _, issuer, leaf []byte) [][]byte { return [][]byte{leaf, issuer[:len(issuer)-1]} })},
		{"chain/self-signed", send(func(p *oddParts, _, _, _ []byte) [][]byte {
			p.leaf.issuer = p.leaf.subject
			made, err := p.leaf.signedBy(p.leaf)
			if err != nil {
				panic(err)
			}
			return [][]byte{made}
		})},
		{"chain/twelve-long", func(p *oddParts) {
			var between [][]byte
			above := p.root
			for i := range 12 {
				f, err := newFields(true, "Odd issuer "+string(rune('a'+i)), byte(20+i))
				if err != nil {
					panic(err)
				}
				made, err := f.signedBy(above)
				if err != nil {
					panic(err)
				}
				between, above = append([][]byte{made}, between...), f
			}
			last := above
			p.chain = func(_, _, _ []byte) [][]byte {
				p.leaf.issuer = last.subject
				p.leaf.set(extAKI, false, der(0x30, der(0x80, last.keyID())))
				made, err := p.leaf.signedBy(last)
				if err != nil {
					panic(err)
				}
				return append([][]byte{made}, between...)
			}
		}},
		{"chain/twenty-strangers", send(func(p *oddParts, _, issuer, leaf []byte) [][]byte {
			chain := [][]byte{leaf}
			for range 20 {
				chain = append(chain, p.other(true, "stranger", nil, p.root))
			}
			return append(chain, issuer)
		})},
	}
}
