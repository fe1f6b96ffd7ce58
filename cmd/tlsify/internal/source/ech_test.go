package source

import (
	"encoding/pem"
	"strings"
	"testing"

	"tlsify/engine/ech"
)

// pair is a key file as tlsify-ech writes it.
func pair(t testing.TB, kem string) (key, config string) {
	t.Helper()
	made, err := ech.Generate(kem, "public.test", 0)
	if err != nil {
		t.Fatal(err)
	}
	label, private, err := made.MarshalPrivate()
	if err != nil {
		t.Fatal(err)
	}
	list, err := ech.List([]ech.Config{made.Config})
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: label, Bytes: private})), string(pem.EncodeToMemory(&pem.Block{Type: ech.PEMConfig, Bytes: list}))
}

func TestECHKeys(t *testing.T) {
	key, config := pair(t, "x25519")
	pqKey, pqConfig := pair(t, "mlkem768-x25519")
	other := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE"}))
	for text, want := range map[string]int{
		key + config: 1,
		"new\n" + pqKey + pqConfig + key + config: 2,
		strings.Repeat(key+config, 16):            16,
		other + key + other + config:              1,
	} {
		if keys, err := readECHKeys([]byte(text)); err != nil || len(keys) != want {
			t.Errorf("%d keys, %v, want %d", len(keys), err, want)
		}
	}
	for what, text := range map[string]string{
		"it has 0 private keys":                      "",
		"it has 17 private keys":                     strings.Repeat(key+config, 17),
		"line 1: there is no private key before":     config + key,
		"line 4: there is no ECHCONFIG between":      key + key + config,
		"line 8: there is no ECHCONFIG after":        key + config + key,
		"line 1: a private key and an ECHConfigList": key + pqConfig,
		"line 1: a private key that cannot be read":  "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n" + config,
		"line 4: ": key + config[:len(config)-20],
	} {
		if keys, err := readECHKeys([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), what) {
			t.Errorf("%d keys, error %v, want %s", len(keys), err, what)
		}
	}
}

// Whatever is read fits together.
func FuzzECHKeys(f *testing.F) {
	for _, kem := range []string{"x25519", "p521", "mlkem768"} {
		key, config := pair(f, kem)
		f.Add([]byte(key + config))
		f.Add([]byte(config + key))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		keys, err := readECHKeys(content)
		if (err == nil) != (len(keys) > 0) {
			t.Errorf("%d keys, %v", len(keys), err)
		}
		for _, key := range keys {
			if string(key.Private.PublicKey().Bytes()) != string(key.PublicKey) {
				t.Error("a key that is not its configuration's")
			}
		}
	})
}
