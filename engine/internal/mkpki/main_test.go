package main

import (
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
)

// TestWrites has every kind of PKI written, and looks for the files that the
// package's comment names, and for how many blocks there are in each.
func TestWrites(t *testing.T) {
	for name, tt := range map[string]struct {
		write func(dir string) error
		want  map[string]int
	}{
		"all": {writeAll, map[string]int{
			"ca.pem": 1, "other-ca.pem": 1, "server.pem": 2, "server.key": 1, "server-rsa.pem": 2, "client.pem": 2, "expired.key": 1,
		}},
		"demo": {writeDemo, map[string]int{"ca.pem": 1, "server.pem": 2, "server.key": 1}},
		"pq": {writePQ, map[string]int{
			"ca.pem": 1, "pq-ca.pem": 3, "pq-server.pem": 1, "pq-server.key": 1, "pq-client.pem": 2, "pq-client.key": 1,
			"mixed-server.pem": 2, "mixed-server.key": 1, "mixed-client.pem": 2, "pq-mldsa87.pem": 2, "pq-expired.key": 1,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "new")
			if err := tt.write(dir); err != nil {
				t.Fatal(err)
			}
			for file, want := range tt.want {
				content, err := os.ReadFile(filepath.Join(dir, file))
				if err != nil {
					t.Error(err)
				}
				blocks := 0
				for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
					blocks++
				}
				if blocks != want {
					t.Errorf("%s has %d blocks, want %d", file, blocks, want)
				}
			}
		})
	}
}
