package verify

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is no file of certificates, but endless or huge, takes neither all memory nor
// all time.
func TestLargeStores(t *testing.T) {
	dir := t.TempDir()
	huge := filepath.Join(dir, "huge.pem")
	if err := os.WriteFile(huge, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	os.Truncate(huge, 1<<40)
	if _, err := SystemStore(huge, ""); err == nil || !strings.Contains(err.Error(), "has more than") {
		t.Errorf("as SSL_CERT_FILE: %v", err)
	}
	for _, path := range []string{"/dev/zero", huge, dir} {
		if _, err := LoadStore(path); err == nil || !strings.Contains(err.Error(), "has more than") {
			t.Errorf("%s: %v", path, err)
		}
	}
}
