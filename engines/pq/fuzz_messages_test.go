package pq

import (
	"bytes"
	"crypto/x509"
	"encoding/binary"
	"testing"

	"tlsify/engine"
	"tlsify/engine/record"
	"tlsify/engine/trustanchor"
)

// One fuzzer for each parser. Where we can write a message too, what parses and
// is written again must parse to the same; that catches fields that are read
// from the wrong place.

func anyExtension(uint16) bool { return true }

// roundTrip checks that property. canonical gives a message without what we do
// not keep.
func roundTrip[M any](t *testing.T, raw []byte, parse func([]byte) (M, error), marshal func(M) ([]byte, error)) {
	t.Helper()
	m, err := parse(raw)
	if err != nil {
		return
	}
	again, err := marshal(m)
	if err != nil {
		return // a list that our form has no room for
	}
	m2, err := parse(again)
	if err != nil {
		t.Fatalf("%x parses, but written again as %x it does not: %v", raw, again, err)
	}
	third, err := marshal(m2)
	if err != nil || !bytes.Equal(again, third) {
		t.Fatalf("%x becomes %x, then %x", raw, again, third)
	}
}

// helloSeeds are the hellos of RFC 8448, and one of each of our own.
func helloSeeds(f *testing.F) {
	for _, name := range []string{"client-hello-1", "client-hello-2", "hello-retry-request", "server-hello"} {
		f.Add(vectors(f, "rfc8448_retry.txt")[name])
	}
	full := clientHello{
		legacyVersion: versionTLS12, random: make([]byte, 32), sessionID: make([]byte, 32),
		ciphers: []uint16{0x1301, 0x1303}, compressions: []byte{0}, serverName: testName, statusRequest: true,
		groups: []uint16{0x11ec, 0x001d}, schemes: acceptedSchemes(engine.LevelStandard), alpn: []string{"h2", "x"},
		sct: true, compressCerts: []uint16{1}, recordSizeLimit: 16385, versions: []uint16{0x0304}, cookie: []byte("cookie"),
		pskModes: []byte{1}, keyShares: []keyShare{{0x001d, make([]byte, 32)}},
		trustAnchors: []trustanchor.ID{"\x81\xfd\x59\x01"},
		clientTypes:  []byte{2, 0}, serverTypes: []byte{2}, cas: [][]byte{[]byte("name")},
		psk: []pskIdentity{{[]byte("identity"), 7}}, binders: [][]byte{make([]byte, 32)},
	}
	f.Add(must(full.marshal()))
	server := serverHello{
		legacyVersion: versionTLS12, random: make([]byte, 32), sessionID: make([]byte, 32), cipher: 0x1301,
		version: versionTLS13, share: &keyShare{0x001d, make([]byte, 32)}, psk: true, pskIndex: 1,
	}
	f.Add(must(server.marshal()))
}

func FuzzClientHello(f *testing.F) {
	helloSeeds(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		roundTrip(t, raw, parseClientHello, (*clientHello).marshal)
		if m, err := parseClientHello(raw); err == nil && m.psk != nil {
			if m.bindersAt >= len(raw) || m.bindersAt+2+int(binary.BigEndian.Uint16(raw[m.bindersAt:])) != len(raw) {
				t.Errorf("binders at %d of %d", m.bindersAt, len(raw))
			}
		}
	})
}

func FuzzServerHello(f *testing.F) {
	helloSeeds(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		roundTrip(t, raw, parseServerHello, (*serverHello).marshal)
	})
}

func FuzzEncryptedExtensions(f *testing.F) {
	f.Add(must((&encryptedExtensions{alpn: "h2", recordSizeLimit: 1000, serverName: true}).marshal()))
	f.Add(must((&encryptedExtensions{}).marshal()))
	raw, plain := engine.CertificateRawKey, engine.CertificateX509
	f.Add(must((&encryptedExtensions{clientType: &raw, serverType: &plain}).marshal()))
	f.Add(must((&encryptedExtensions{trustAnchors: []trustanchor.ID{"\x01", "\x81\x02"}}).marshal()))
	f.Fuzz(func(t *testing.T, raw []byte) {
		parse := func(raw []byte) (*encryptedExtensions, error) { return parseEncryptedExtensions(raw, anyExtension) }
		roundTrip(t, raw, parse, (*encryptedExtensions).marshal)
	})
}

func FuzzCertificateRequest(f *testing.F) {
	f.Add(must((&certificateRequest{schemes: []uint16{0x0403}, cas: [][]byte{[]byte("name")}}).marshal()))
	f.Fuzz(func(t *testing.T, raw []byte) {
		roundTrip(t, raw, parseCertificateRequest, (*certificateRequest).marshal)
	})
}

func FuzzCertificate(f *testing.F) {
	f.Add(must((&certificateMessage{chain: [][]byte{[]byte("leaf"), []byte("root")}, staple: []byte("staple")}).marshal()))
	f.Add(must((&certificateMessage{}).marshal()))
	f.Add(must((&certificateMessage{chain: [][]byte{[]byte("leaf")}, matched: true}).marshal()))
	f.Add([]byte("\x0b\x00\x00\x19\x00\x00\x00\x15\x00\x00\x01x\x00\x0f\x00\x12\x00\x0b\x00\x09\x00\x03sct\x00\x02ts"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		parse := func(raw []byte) (*certificateMessage, error) { return parseCertificate(raw, anyExtension) }
		roundTrip(t, raw, parse, (*certificateMessage).marshal)
	})
}

// FuzzRawKey has a peer's raw public key: what is taken is one that is written
// again as it was.
func FuzzRawKey(f *testing.F) {
	for _, kind := range testKinds {
		f.Add(rawIdentity(kind).RawKey)
	}
	f.Fuzz(func(t *testing.T, spki []byte) {
		key, err := parseRawKey(spki)
		if err != nil {
			return
		}
		if _, err := x509.MarshalPKIXPublicKey(key); err != nil {
			t.Fatal(err)
		}
		if s := selectScheme(key, acceptedSchemes(engine.LevelStandard), acceptedSchemes(engine.LevelStandard)); s != nil && s.verify(key, nil, nil) {
			t.Fatal("an empty signature is right")
		}
	})
}

func FuzzCompressedCertificate(f *testing.F) {
	f.Add(compressed(must((&certificateMessage{chain: [][]byte{bytes.Repeat([]byte("leaf"), 100)}}).marshal())))
	f.Add(compressed(nil))
	f.Add(compressCertificate(compressions, bytes.Repeat([]byte{typeCertificate, 0, 8, 0, 7}, 500), nil, []uint16{1}))
	f.Add(pretendCompressed(3, 5, []byte("\x28\xb5\x2f\xfd\x20\x05\x29\x00\x00leaf1")))
	f.Fuzz(func(t *testing.T, raw []byte) {
		plain, err := decompressCertificate(compressions, raw, maxCertificateMessage)
		if err != nil {
			return
		}
		if again, err := decompressCertificate(compressions, compressed(plain), maxCertificateMessage); err != nil || !bytes.Equal(again, plain) {
			t.Errorf("%x: %v", plain, err)
		}
	})
}

func FuzzCertificateVerify(f *testing.F) {
	f.Add(must((&certificateVerify{0x0403, []byte("signature")}).marshal()))
	f.Fuzz(func(t *testing.T, raw []byte) {
		roundTrip(t, raw, parseCertificateVerify, (*certificateVerify).marshal)
	})
}

func FuzzPostHandshake(f *testing.F) {
	f.Add(must((&newSessionTicket{60, 7, []byte{0}, []byte("ticket")}).marshal()))
	f.Add([]byte{typeFinished, 0, 0, 2, 1, 2})
	f.Fuzz(func(t *testing.T, raw []byte) {
		roundTrip(t, raw, parseNewSessionTicket, (*newSessionTicket).marshal)
		if mac, err := parseFinished(raw); err == nil && len(mac) != len(raw)-4 {
			t.Errorf("Finished %x", raw)
		}
	})
}

// FuzzTickets parses both sides' tickets, which come from disk and from the
// network, and what a key of ours has not sealed.
func FuzzTickets(f *testing.F) {
	r := resumable{
		suite: record.SuiteOf(engine.AES128GCM), psk: make([]byte, 32), created: 1, lifetime: 60, serverName: testName,
		origin: "x25519", chain: [][]byte{testIdentity("p256").Chain[0]}, staple: []byte("staple"), scts: [][]byte{[]byte("sct")},
	}
	f.Add(must(r.marshalServerTicket()))
	f.Add(must((&clientTicket{resumable: r, identity: []byte("identity")}).marshal()))
	keys := sealer{[][32]byte{{1}}}
	f.Fuzz(func(t *testing.T, raw []byte) {
		roundTrip(t, raw, parseClientTicket, (*clientTicket).marshal)
		roundTrip(t, raw, parseServerTicket, (*resumable).marshalServerTicket)
		if _, err := keys.open(raw); err == nil {
			t.Errorf("%x opens", raw)
		}
		sealed, err := keys.seal(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := keys.open(sealed); err != nil || !bytes.Equal(got, raw) {
			t.Errorf("%x does not open: %v", sealed, err)
		}
	})
}
