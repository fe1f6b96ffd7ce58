package ech

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
)

func list(t testing.TB, configs ...Config) []byte {
	t.Helper()
	out, err := List(configs)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func generate(t testing.TB, kem string) *Key {
	t.Helper()
	key, err := Generate(kem, "public.test", 64)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// A key of every KEM opens what was sealed for its configuration, when it has
// been written and read.
func TestKeys(t *testing.T) {
	for _, kem := range KEMs() {
		made := generate(t, kem)
		label, private, err := made.MarshalPrivate()
		if err != nil {
			t.Fatalf("%s: %v", kem, err)
		}
		other := generate(t, kem)
		keys, err := Keys(label, private, list(t, other.Config, made.Config))
		if err != nil || len(keys) != 1 {
			t.Fatalf("%s: %d keys, %v", kem, len(keys), err)
		}
		target, err := Choose(list(t, made.Config))
		if err != nil {
			t.Fatalf("%s: %v", kem, err)
		}
		enc, sender, err := target.Sender()
		if err != nil {
			t.Fatalf("%s: %v", kem, err)
		}
		sealed, err := sender.Seal([]byte("aad"), []byte("hidden"))
		if err != nil {
			t.Fatalf("%s: %v", kem, err)
		}
		recipient, err := keys[0].Recipient(target.Suite, enc)
		if err != nil {
			t.Fatalf("%s: %v", kem, err)
		}
		if opened, err := recipient.Open([]byte("aad"), sealed); err != nil || string(opened) != "hidden" {
			t.Errorf("%s: %q, %v", kem, opened, err)
		}
		if _, err := keys[0].Recipient(Suite{1, 0xffff}, enc); err == nil {
			t.Errorf("%s: a suite that the configuration does not have", kem)
		}
		if _, err := Keys(label, private, list(t, other.Config)); err == nil {
			t.Errorf("%s: a list that is not for the key", kem)
		}
		if got := KEMName(made.KEM); got != kem {
			t.Errorf("KEM 0x%04x is called %s, not %s", made.KEM, got, kem)
		}
	}
	if _, err := Generate("x25519", "no_name.test", 0); err == nil {
		t.Error("a public name that is no DNS name")
	}
	if _, err := Generate("none", "public.test", 0); err == nil {
		t.Error("a KEM that there is not")
	}
}

// A client made of rustls takes a curve with the hash of its size alone, and could not use
// a configuration for P-521, which had no HKDF-SHA512.
func TestSuiteOfEachCurve(t *testing.T) {
	for kem, kdf := range map[string]uint16{"x25519": 1, "p256": 1, "p384": 2, "p521": 3} {
		key := generate(t, kem)
		of := slices.IndexFunc(key.Suites, func(s Suite) bool { return s.KDF == kdf })
		if of < 0 {
			t.Errorf("%s: no suite with KDF %d: %v", kem, kdf, key.Suites)
			continue
		}
		target, err := Choose(list(t, key.Config))
		if err != nil {
			t.Fatalf("%s: %v", kem, err)
		}
		target.Suite = key.Suites[of]
		if target.kdf, target.aead, err = target.Suite.functions(); err != nil {
			t.Fatalf("%s: %v", kem, err)
		}
		enc, sender, err := target.Sender()
		if err != nil {
			t.Fatalf("%s: %v", kem, err)
		}
		sealed, err := sender.Seal(nil, []byte("hidden"))
		if err != nil {
			t.Fatalf("%s: %v", kem, err)
		}
		recipient, err := key.Recipient(target.Suite, enc)
		if err != nil {
			t.Fatalf("%s: %v", kem, err)
		}
		if opened, err := recipient.Open(nil, sealed); err != nil || string(opened) != "hidden" {
			t.Errorf("%s: %q, %v", kem, opened, err)
		}
	}
}

// What cannot be used is passed over; what cannot be read is an error.
func TestChoose(t *testing.T) {
	good := generate(t, "x25519").Config
	changed := func(change func(*Config)) Config {
		c := good
		change(&c)
		if err := c.marshal(); err != nil {
			t.Fatal(err)
		}
		return c
	}
	named := func(name string) Config {
		c := good
		c.Raw = bytes.Replace(good.Raw, []byte("\x0bpublic.test"), append([]byte{byte(len(name))}, name...), 1)
		c.Raw[3] += byte(len(name) - len("public.test"))
		return c
	}
	extended := func(kinds ...byte) Config {
		c := good
		c.Raw = append(bytes.Clone(good.Raw[:len(good.Raw)-2]), 0, byte(4*len(kinds)))
		for _, kind := range kinds {
			c.Raw = append(c.Raw, kind, 1, 0, 0)
		}
		c.Raw[3] += byte(4 * len(kinds))
		return c
	}
	otherVersion := Config{Raw: []byte{0xfe, 0x0c, 0, 1, 0}}
	for name, c := range map[string]Config{
		"version":             otherVersion,
		"KEM":                 changed(func(c *Config) { c.KEM = 0x1234 }),
		"public key":          changed(func(c *Config) { c.PublicKey = c.PublicKey[1:] }),
		"key of low order":    changed(func(c *Config) { c.PublicKey = make([]byte, len(c.PublicKey)) }),
		"suites":              changed(func(c *Config) { c.Suites = []Suite{{0x1234, 1}, {1, 0x1234}, {1, exportOnly}} }),
		"mandatory extension": extended(0x80),
		"underscore":          named("public_name"),
		"address":             named("192.0.2.001"),
		"hexadecimal address": named("192.0.0x201"),
		"hyphen":              named("-ublic.test"),
		"empty label":         named("public..est"),
	} {
		if target, err := Choose(list(t, c)); !errors.Is(err, ErrUnusable) {
			t.Errorf("%s: %v, %v", name, target, err)
		}
		if target, err := Choose(list(t, c, good)); err != nil || !bytes.Equal(target.Raw, good.Raw) {
			t.Errorf("%s, and another: %v", name, err)
		}
		if usable, err := Usable(list(t, c)); !errors.Is(err, ErrUnusable) {
			t.Errorf("%s: %x, %v", name, usable, err)
		}
		if usable, err := Usable(list(t, c, good)); err != nil || !bytes.Equal(usable, list(t, good)) {
			t.Errorf("%s, and another: %x, %v", name, usable, err)
		}
	}
	for name, c := range map[string]Config{
		"an extension that need not be known": extended(0x7f),
		"two of them":                         extended(1, 2),
		"a second suite":                      changed(func(c *Config) { c.Suites = []Suite{{0x1234, 1}, {1, 3}} }),
		"one label":                           named("localhost"),
	} {
		if _, err := Choose(list(t, c)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Go's libraries say of it that there is no valid one, when they have been connected.
	if usable, err := Usable(list(t, named("localhost"))); !errors.Is(err, ErrUnusable) {
		t.Errorf("one label: %x, %v", usable, err)
	}
	whole := list(t, good)
	for n := range whole {
		if _, err := ParseList(whole[:n]); err == nil {
			t.Errorf("the first %d of %d bytes are a list", n, len(whole))
		}
	}
	for _, malformed := range []string{"", "0000", "0001fe", "0004fe0d0000", hex.EncodeToString(whole) + "00", hex.EncodeToString(list(t, extended(1, 1)))} {
		content, _ := hex.DecodeString(malformed)
		if _, err := ParseList(content); err == nil {
			t.Errorf("%s is a list", malformed)
		}
	}
}

// Keys that are none, or of another kind.
func TestBadKeys(t *testing.T) {
	curve, lattice := generate(t, "p256"), generate(t, "mlkem768")
	_, seed, err := lattice.MarshalPrivate()
	if err != nil {
		t.Fatal(err)
	}
	_, pkcs8, err := curve.MarshalPrivate()
	if err != nil {
		t.Fatal(err)
	}
	ed25519, _ := hex.DecodeString("302e020100300506032b657004220420" + strings.Repeat("07", 32))
	for name, tt := range map[string]struct {
		label   string
		private []byte
		config  Config
	}{
		"junk":                  {PEMPKCS8, []byte("junk"), curve.Config},
		"a signing key":         {PEMPKCS8, ed25519, curve.Config},
		"a seed for a curve":    {PEMHPKE, seed, curve.Config},
		"a curve for a lattice": {PEMPKCS8, pkcs8, lattice.Config},
		"a short seed":          {PEMHPKE, seed[1:], lattice.Config},
	} {
		if keys, err := Keys(tt.label, tt.private, list(t, tt.config)); err == nil {
			t.Errorf("%s: %d keys", name, len(keys))
		}
	}
	if keys, err := Keys(PEMHPKE, seed, []byte("junk")); err == nil {
		t.Errorf("no list: %d keys", len(keys))
	}
}

// A list is written as it was read, but for versions that we do not know.
func FuzzParseList(f *testing.F) {
	for _, kem := range KEMs() {
		f.Add(list(f, generate(f, kem).Config))
	}
	f.Add([]byte{0, 5, 0xfe, 0x0c, 0, 1, 0})
	f.Fuzz(func(t *testing.T, content []byte) {
		configs, err := ParseList(content)
		if target, chosen := Choose(content); chosen == nil && (err != nil || target.PublicName == "") {
			t.Error("a configuration was chosen out of a list that is none")
		}
		if err != nil || len(configs) == 0 {
			return
		}
		again, err := ParseList(list(t, configs...))
		if err != nil || !slices.EqualFunc(configs, again, func(a, b Config) bool { return bytes.Equal(a.Raw, b.Raw) && a.PublicName == b.PublicName }) {
			t.Errorf("%v, %v", again, err)
		}
	})
}
