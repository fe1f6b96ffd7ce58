package main

import (
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWrites has every kind of PKI written, and looks for the files that the
// package's comment names, and for how many blocks there are in each.
func TestWrites(t *testing.T) {
	for name, tt := range map[string]struct {
		write func(dir string) error
		list  string
		want  map[string]int
	}{
		"all": {writeAll, listAll(), map[string]int{
			"ca.pem": 1, "other-ca.pem": 1, "server.pem": 2, "server.key": 1, "server-rsa.pem": 2, "client.pem": 2, "expired.key": 1,
		}},
		"demo": {writeDemo, listDemo, map[string]int{"ca.pem": 1, "server.pem": 2, "server.key": 1}},
		"pq": {writePQ, listPQ(), map[string]int{
			"ca.pem": 1, "pq-ca.pem": 3, "pq-server.pem": 1, "pq-server.key": 1, "pq-client.pem": 2, "pq-client.key": 1,
			"mixed-server.pem": 2, "mixed-server.key": 1, "mixed-client.pem": 2, "pq-mldsa87.pem": 2, "pq-expired.key": 1,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "new")
			if err := tt.write(dir); err != nil {
				t.Fatal(err)
			}
			// Every file is told of, and there is every file that is told of.
			files, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			told := map[string]bool{}
			for line := range strings.Lines(tt.list) {
				name, _, _ := strings.Cut(line, " ")
				told[name] = true
			}
			for _, file := range files {
				name := file.Name()
				if stem := strings.TrimSuffix(name, filepath.Ext(name)); told[stem] {
					name = stem
				}
				if !told[name] {
					t.Errorf("nothing is said of %s", file.Name())
				}
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
