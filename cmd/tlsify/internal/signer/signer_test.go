package signer

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// verifyMessage is what a TLS 1.3 server signs.
func verifyMessage(hash int) []byte {
	return append([]byte(serverVerify), bytes.Repeat([]byte{7}, hash)...)
}

// exchangeMessage is what a TLS 1.2 server signs.
func exchangeMessage(group uint16, point []byte) []byte {
	b := append(bytes.Repeat([]byte{9}, 64), 3)
	b = append(binary.BigEndian.AppendUint16(b, group), byte(len(point)))
	return append(b, point...)
}

func uncompressed(length int) []byte { return append([]byte{4}, make([]byte, length-1)...) }

func spkiOf(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return spki
}

func signWith(key crypto.Signer) Sign {
	return func(message []byte, opts crypto.SignerOpts) ([]byte, error) {
		return crypto.SignMessage(key, rand.Reader, message, opts)
	}
}

// serving answers for keys on a stream, and gives a client of it.
func serving(t testing.TB, keys *Keys) *Client {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ours, err := net.Dial("tcp4", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer theirs.Close()
		Serve(theirs, keys)
	}()
	t.Cleanup(func() { ours.Close() })
	return NewClient(ours, 20*time.Second)
}

// Every kind of key signs both forms of message by every scheme that it has,
// and what comes back is its signature.
func TestSignatures(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	p521, _ := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	_, edwards, _ := ed25519.GenerateKey(rand.Reader)
	pss := func(h crypto.Hash) crypto.SignerOpts {
		return &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: h}
	}
	ofMLDSA := func(parameters mldsa.Parameters) crypto.Signer {
		key, err := mldsa.GenerateKey(parameters)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	mldsa44, mldsa65, mldsa87 := ofMLDSA(mldsa.MLDSA44()), ofMLDSA(mldsa.MLDSA65()), ofMLDSA(mldsa.MLDSA87())
	keys := &Keys{TLS12: true, PerStream: 100}
	for _, key := range []crypto.Signer{rsaKey, p256, p384, p521, edwards, mldsa44, mldsa65, mldsa87} {
		keys.Add(spkiOf(t, key), key.Public(), signWith(key))
	}
	client := serving(t, keys)
	verify13, exchange12 := verifyMessage(48), exchangeMessage(0x1d, make([]byte, 32))
	for _, c := range []struct {
		name    string
		key     crypto.Signer
		opts    crypto.SignerOpts
		scheme  Scheme // as other programs' signers read it
		message []byte
	}{
		{"rsa-pss-1.3", rsaKey, pss(crypto.SHA256), 0x0804, verify13},
		{"rsa-pss-1.2", rsaKey, pss(crypto.SHA384), 0x0805, exchange12},
		{"rsa-pss-512", rsaKey, pss(crypto.SHA512), 0x0806, verify13},
		{"rsa-pkcs1-256", rsaKey, crypto.SHA256, 0x0401, exchange12},
		{"rsa-pkcs1-384", rsaKey, crypto.SHA384, 0x0501, exchange12},
		{"rsa-pkcs1-512", rsaKey, crypto.SHA512, 0x0601, exchange12},
		{"p256-1.3", p256, crypto.SHA256, 0x0403, verifyMessage(32)},
		{"p256-1.2", p256, crypto.SHA384, 0x0503, exchange12},
		{"p384-1.3", p384, crypto.SHA384, 0x0503, verify13},
		{"p384-1.2", p384, crypto.SHA384, 0x0503, exchangeMessage(0x18, uncompressed(97))},
		{"p521-1.2", p521, crypto.SHA512, 0x0603, exchangeMessage(0x19, uncompressed(133))},
		{"ed25519-1.3", edwards, crypto.Hash(0), 0x0807, verify13},
		{"ed25519-1.2", edwards, crypto.Hash(0), 0x0807, exchangeMessage(0x17, uncompressed(65))},
		{"mldsa44", mldsa44, crypto.Hash(0), 0x0904, verify13},
		{"mldsa65", mldsa65, crypto.Hash(0), 0x0905, verify13},
		{"mldsa87", mldsa87, crypto.Hash(0), 0x0906, verify13},
	} {
		key := client.Key(spkiOf(t, c.key), c.key.Public())
		if err := key.Probe(20 * time.Second); err != nil {
			t.Errorf("%s: probe: %v", c.name, err)
		}
		if scheme, err := schemeFor(c.key.Public(), c.opts); scheme != c.scheme || err != nil {
			t.Errorf("%s: it is asked for by %#04x, %v", c.name, scheme, err)
		}
		signature, err := crypto.SignMessage(key, rand.Reader, c.message, c.opts)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		digest := c.message
		if h := c.opts.HashFunc(); h != 0 {
			sum := h.New()
			sum.Write(c.message)
			digest = sum.Sum(nil)
		}
		good := false
		switch public := c.key.Public().(type) {
		case *rsa.PublicKey:
			if options, ok := c.opts.(*rsa.PSSOptions); ok {
				good = rsa.VerifyPSS(public, options.Hash, digest, signature, options) == nil
			} else {
				good = rsa.VerifyPKCS1v15(public, c.opts.HashFunc(), digest, signature) == nil
			}
		case *ecdsa.PublicKey:
			good = ecdsa.VerifyASN1(public, digest, signature)
		case ed25519.PublicKey:
			good = ed25519.Verify(public, digest, signature)
		case *mldsa.PublicKey:
			good = mldsa.Verify(public, digest, signature, nil) == nil
		}
		if !good {
			t.Errorf("%s: this is not its signature", c.name)
		}
	}
}

// Nothing is signed but what a server signs in a handshake.
func TestRefusals(t *testing.T) {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	other, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	mldsaKey, err := mldsa.GenerateKey(mldsa.MLDSA44())
	if err != nil {
		t.Fatal(err)
	}
	anotherCurve := exchangeMessage(0x1d, make([]byte, 32))
	anotherCurve[64] = 1
	anotherLength := exchangeMessage(0x1d, make([]byte, 32))
	anotherLength[67] = 31
	clientVerify := strings.Replace(serverVerify, "server", "client", 1)
	for _, c := range []struct {
		name    string
		key     crypto.Signer
		scheme  Scheme
		message []byte
		without bool // TLS 1.2
	}{
		{"another key", other, 0x0403, verifyMessage(32), false},
		{"a scheme of another kind of key", key, 0x0804, verifyMessage(32), false},
		{"PKCS1 with such a key", key, 0x0401, verifyMessage(32), false},
		{"no scheme", key, 0x0203, verifyMessage(32), false},
		{"a certificate", key, 0x0403, []byte("\x30\x82\x01\x00..."), false},
		{"nothing", key, 0x0403, nil, false},
		{"a client's", key, 0x0403, append([]byte(clientVerify), make([]byte, 32)...), false},
		{"one space less", key, 0x0403, verifyMessage(32)[1:], false},
		{"no hash", key, 0x0403, verifyMessage(0), false},
		{"a hash of another length", key, 0x0403, verifyMessage(33), false},
		{"more than a hash", key, 0x0403, verifyMessage(64), false},
		{"TLS 1.2 where it is not allowed", key, 0x0403, exchangeMessage(0x1d, make([]byte, 32)), true},
		{"another group", key, 0x0403, exchangeMessage(0x1e, make([]byte, 56)), false},
		{"a point that is too short", key, 0x0403, exchangeMessage(0x17, uncompressed(64)), false},
		{"a compressed point", key, 0x0403, exchangeMessage(0x17, make([]byte, 65)), false},
		{"more than a point", key, 0x0403, append(exchangeMessage(0x1d, make([]byte, 32)), 0), false},
		{"a curve that is not named", key, 0x0403, anotherCurve, false},
		{"PKCS1 in TLS 1.3", rsaKey, 0x0401, verifyMessage(32), false},
		{"ML-DSA in TLS 1.2", mldsaKey, 0x0904, exchangeMessage(0x1d, make([]byte, 32)), false},
		{"a curve of one's own", key, 0x0403, append(make([]byte, 64), 1, 0, 0x1d, 0), false},
		{"an unknown group, and no point", key, 0x0403, exchangeMessage(0x1e, nil), false},
		{"another length than the point's", key, 0x0403, anotherLength, false},
		{"a message as long as a hash", key, 0x0403, make([]byte, 32), false},
		{"a message as long as a longer hash", key, 0x0403, make([]byte, 48), false},
		{"ECDSA with an RSA key", rsaKey, 0x0403, verifyMessage(32), false},
		{"no scheme with an RSA key", rsaKey, 0x0201, exchangeMessage(0x1d, make([]byte, 32)), false},
		{"the scheme of another ML-DSA", mldsaKey, 0x0905, verifyMessage(32), false},
	} {
		keys := &Keys{TLS12: !c.without, PerStream: 1}
		for _, key := range []crypto.Signer{key, rsaKey, mldsaKey} {
			keys.Add(spkiOf(t, key), key.Public(), signWith(key))
		}
		client := serving(t, keys)
		signature, err := client.ask(&request{key: sha256.Sum256(spkiOf(t, c.key)), scheme: c.scheme, message: c.message}, 20*time.Second)
		if err == nil || !strings.Contains(err.Error(), "refuses") {
			t.Errorf("%s: %x, %v", c.name, signature, err)
		}
	}
	keys := &Keys{PerStream: 1}
	keys.Add(spkiOf(t, key), key.Public(), signWith(key))
	if err := serving(t, keys).Key(spkiOf(t, other), other.Public()).Probe(20 * time.Second); err == nil {
		t.Error("a key that is not there was found")
	}
}

// named is a public key of a kind that crypto/x509 does not have.
type named uint16

func (n named) Scheme() uint16 { return uint16(n) }

// A key of such a kind signs by its own scheme, and in TLS 1.3 alone.
func TestOtherKinds(t *testing.T) {
	keys := &Keys{TLS12: true}
	for _, c := range []struct {
		name    string
		public  crypto.PublicKey
		scheme  Scheme
		message []byte
		want    bool
	}{
		{"its scheme", named(0x0911), 0x0911, verifyMessage(32), true},
		{"another scheme", named(0x0911), 0x0912, verifyMessage(32), false},
		{"TLS 1.2", named(0x0911), 0x0911, exchangeMessage(0x1d, make([]byte, 32)), false},
		{"one for certificates alone", named(0), 0, verifyMessage(32), false},
		{"an unknown kind", nil, 0x0403, verifyMessage(32), false},
	} {
		r := &request{scheme: c.scheme, message: c.message}
		if got := keys.signs(entry{public: c.public}, r); got != c.want {
			t.Errorf("%s: signs %v, want %v", c.name, got, c.want)
		}
	}
	if scheme, err := schemeFor(named(0x0911), crypto.Hash(0)); err != nil || scheme != 0x0911 {
		t.Errorf("it is asked to sign by %#04x, %v", scheme, err)
	}
}

// A stream gets as many signatures as it is meant to, and what was refused does
// not count.
func TestPerStream(t *testing.T) {
	_, key, _ := ed25519.GenerateKey(rand.Reader)
	keys := &Keys{PerStream: 1}
	keys.Add(spkiOf(t, key), key.Public(), signWith(key))
	ours, theirs := net.Pipe()
	go Serve(theirs, keys)
	for i, want := range []bool{false, true, false, false} {
		r := &request{key: sha256.Sum256(spkiOf(t, key)), scheme: ed25519Scheme, message: verifyMessage(32)}
		if i == 0 {
			r.message = r.message[1:]
		}
		if err := WriteFrame(ours, r.marshal()); err != nil {
			t.Fatal(err)
		}
		answer, err := ReadFrame(ours)
		if err != nil || (len(answer) > 0) != want {
			t.Errorf("request %d: %x, %v", i, answer, err)
		}
	}
}

// A signer that is not what it should be is an error, and stays one.
func TestBadSigners(t *testing.T) {
	_, key, _ := ed25519.GenerateKey(rand.Reader)
	for name, c := range map[string]struct{ answer, want string }{
		"ends":        {"", "the signer has ended"},
		"breaks off":  {"\x00\x00\x00\x40half", "the signer does not answer"},
		"is too long": {"\xff\xff\xff\xff", "the signer does not answer"},
		"refuses":     {"\x00\x00\x00\x00", "the signer refuses"},
	} {
		ours, theirs := net.Pipe()
		go func() {
			ReadFrame(theirs)
			io.WriteString(theirs, c.answer)
			theirs.Close()
		}()
		client := NewClient(ours, 20*time.Second)
		_, err := client.Key(spkiOf(t, key), key.Public()).SignMessage(nil, verifyMessage(32), crypto.Hash(0))
		if err == nil || client.Err() != err || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("one that %s: %v, then %v", name, err, client.Err())
		}
		if again := client.Key(spkiOf(t, key), key.Public()).Probe(20 * time.Second); again != err {
			t.Errorf("one that %s, asked again: %v", name, again)
		}
	}
	silent, _ := net.Pipe()
	if _, err := NewClient(silent, time.Millisecond).ask(&request{probe: true}, time.Millisecond); err == nil {
		t.Error("one that is silent has answered")
	}
	if _, err := (&Key{}).Sign(nil, make([]byte, 32), crypto.SHA256); err == nil {
		t.Error("a hash is signed")
	}
}

// Whatever comes on a stream, what is signed is a message of a server's.
func FuzzServe(f *testing.F) {
	_, key, _ := ed25519.GenerateKey(rand.Reader)
	spki := spkiOf(f, key)
	id := sha256.Sum256(spki)
	add := func(requests ...*request) {
		var b bytes.Buffer
		for _, r := range requests {
			WriteFrame(&b, r.marshal())
		}
		f.Add(b.Bytes())
	}
	// The key's name is put in place of 32 zeros, so that the fuzzer need not
	// find it.
	var any [sha256.Size]byte
	add(&request{key: any, probe: true}, &request{key: any, scheme: ed25519Scheme, message: verifyMessage(32)})
	add(&request{key: any, scheme: ed25519Scheme, message: exchangeMessage(0x17, uncompressed(65))})
	add(&request{key: any, scheme: 0x0403, message: verifyMessage(48)})
	f.Add([]byte("\x00\x00\x00\x03abc"))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, in []byte) {
		in = bytes.ReplaceAll(in, any[:], id[:])
		keys := &Keys{TLS12: true, PerStream: 2}
		signed := 0
		keys.Add(spki, key.Public(), func(message []byte, opts crypto.SignerOpts) ([]byte, error) {
			signed++
			if !bytes.HasPrefix(message, []byte(serverVerify)) && (len(message) < 100 || message[64] != 3) || opts.HashFunc() != 0 {
				t.Errorf("signed %x", message)
			}
			return []byte("signature"), nil
		})
		var out bytes.Buffer
		Serve(struct {
			io.Reader
			io.Writer
		}{bytes.NewReader(in), &out}, keys)
		if signed > 2 {
			t.Errorf("%d signatures", signed)
		}
		for out.Len() > 0 {
			if _, err := ReadFrame(&out); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// Whoever is at the other end cannot have a process take more memory than a message
// needs: a frame is as long as is allowed, or nothing of it is read.
func TestFrameLimit(t *testing.T) {
	for n, want := range map[int]bool{0: true, 99: true, 100: true, 101: false, 1 << 20: false} {
		var frame bytes.Buffer
		WriteFrame(&frame, make([]byte, n))
		b, err := readFrame(&frame, 100)
		if (err == nil) != want || want && len(b) != n || !want && frame.Len() != n {
			t.Errorf("%d bytes: got %d, %v, and %d are left", n, len(b), err, frame.Len())
		}
	}
}

// A request survives being written and read.
func FuzzRequest(f *testing.F) {
	f.Add((&request{probe: true}).marshal())
	f.Add((&request{scheme: 0x0804, message: verifyMessage(32)}).marshal())
	f.Add([]byte("short"))
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := parseRequest(in)
		if err == nil && !bytes.Equal(r.marshal(), in) {
			t.Errorf("%x became %x", in, r.marshal())
		}
	})
}
