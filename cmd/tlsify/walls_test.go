package main

import (
	"os/exec"
	"strings"
	"testing"
)

// rooms are the folders of the design and what each may import beside the
// standard library. A package's path stands for those below it, too; ours begin
// with ./.
var rooms = []struct {
	pattern string
	may     []string
	mustNot []string // of the standard library
}{
	{"./engine", []string{"./engine"}, []string{"crypto/tls"}},
	{"./engine/adapter", []string{"./engine", "./engine/record", "golang.org/x/crypto", "golang.org/x/sys/cpu"}, []string{"crypto/tls", "testing"}},
	// The standard library has ChaCha20-Poly1305 for itself alone.
	{"./engine/record", []string{"./engine", "golang.org/x/crypto", "golang.org/x/sys/cpu"}, []string{"crypto/tls"}},
	{"./engine/pki", []string{"./engine/pki"}, []string{"crypto/tls", "testing"}},
	{"./engine/internal/...", []string{"./engine"}, []string{"crypto/tls", "testing"}},
	// Whoever uses engine/record has what it stands on.
	{"./engine/enginetest", []string{"./engine", "./verify", "golang.org/x/crypto", "golang.org/x/sys"}, nil},
	// Whoever uses engine/adapter has what engine/record stands on.
	{"./engine/enginetest/example", []string{"./engine", "golang.org/x/crypto", "golang.org/x/sys/cpu"}, []string{"testing"}},
	{"./engines/std", []string{"./engine", "./engines/std", "golang.org/x/crypto", "golang.org/x/sys/cpu"}, nil},
	{"./engines/pq", []string{"./engine", "./engines/pq", "./engines/zlib", "./engines/zstd", "github.com/cloudflare/circl", "github.com/klauspost/compress", "golang.org/x/crypto", "golang.org/x/sys"}, []string{"crypto/tls"}},
	{"./engines/brotli", []string{"./engines/brotli", "github.com/andybalholm/brotli"}, nil},
	{"./engines/zlib", []string{"./engines/zlib"}, nil},
	{"./engines/zstd", []string{"./engines/zstd", "github.com/klauspost/compress"}, nil},
	{"./engines/utls", []string{"./engine", "./engines/utls", "./engines/brotli", "./engines/zlib", "./engines/zstd", "github.com/refraction-networking/utls", "github.com/cloudflare/circl",
		"github.com/andybalholm/brotli", "github.com/klauspost/compress", "golang.org/x"}, nil},
	// U-labels, public suffixes, and DER that encoding/asn1 cannot do.
	{"./verify", []string{"./verify", "./engine/trustanchor", "golang.org/x/net", "golang.org/x/text", "golang.org/x/crypto"}, nil},
	{"./verify/pemfile", []string{"./verify/pemfile"}, nil},
	{"./stream", []string{"./stream", "golang.org/x/sys"}, []string{"crypto/tls", "testing"}},
	{"./pump", []string{"./pump", "./stream", "./engine", "golang.org/x/crypto", "golang.org/x/sys"}, []string{"crypto/tls"}},
	// The contract kit knows the contract, and nothing of ours.
	{"./cmd/tlsify-check", []string{"./cmd/tlsify-check", "golang.org/x/sys"}, []string{"testing"}},
	// Landlock on every thread, and the assembler of seccomp's filters.
	{"./cmd/tlsify/internal/privilege", []string{"./cmd/tlsify/internal/privilege", "./cmd/tlsify/internal/process", "./cmd/tlsify/internal/status", "./stream", "github.com/landlock-lsm/go-landlock",
		"kernel.org/pub/linux/libs/security/libcap/psx", "golang.org/x/sys", "golang.org/x/net/bpf"}, nil},
	// DER that encoding/asn1 cannot do.
	{"./cmd/tlsify/internal/credential", []string{"./cmd/tlsify/internal/credential", "./engine/trustanchor", "./verify/pemfile", "golang.org/x/crypto"}, []string{"crypto/tls"}},
	{"./cmd/tlsify/internal/signer", []string{"./cmd/tlsify/internal/signer"}, []string{"crypto/tls"}},
}

// No room has a door that the design does not show.
func TestImportWalls(t *testing.T) {
	module := modulePath(t)
	for _, room := range rooms {
		t.Run(room.pattern, func(t *testing.T) {
			t.Parallel()
			deps := goList(t, "-deps", "-f", "{{.ImportPath}} {{.Standard}}", module+room.pattern[1:])
			for _, line := range deps {
				path, standard, _ := strings.Cut(line, " ")
				if ours, ok := strings.CutPrefix(path, module+"/"); ok {
					path = "./" + ours
				}
				if standard == "true" && below(path, room.mustNot) || standard != "true" && !below(path, room.may) {
					t.Errorf("%s must not depend on %s", room.pattern, path)
				}
			}
		})
	}
}

// Without build tags the program has no engine's library but the standard one,
// and never one of the tests' or the benchmark's packages.
func TestStandardBuild(t *testing.T) {
	module := modulePath(t)
	for _, path := range goList(t, "-deps", ".") {
		if ours, ok := strings.CutPrefix(path, module+"/"); ok {
			path = "./" + ours
		}
		if below(path, []string{"github.com/cloudflare/circl", "github.com/refraction-networking/utls", "./engines/pq", "./engines/utls", "./engines/brotli", "./engines/zlib", "./engines/zstd",
			"./engine/enginetest", "./engine/internal", "./engine/pki", "./stream/streamtest", "./bench", "testing", "github.com/rogpeppe"}) {
			t.Errorf("the program depends on %s", path)
		}
	}
}

// A build without an engine is a mistake, and does not compile.
func TestNoEngineNoBuild(t *testing.T) {
	needGo(t)
	out, err := exec.Command("go", "build", "-tags", "nostd", "-o", t.TempDir()+"/tlsify", ".").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "this_build_has_no_engine") {
		t.Errorf("%v: %s", err, out)
	}
}

// The only engine of a build is its default.
func TestOnlyEngine(t *testing.T) {
	needGo(t)
	for _, name := range []string{"utls", "pq"} {
		program := t.TempDir() + "/tlsify"
		if out, err := exec.Command("go", "build", "-tags", "nostd,"+name, "-o", program, ".").CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", name, err, out)
			continue
		}
		out, err := exec.Command(program, "engines").Output()
		if err != nil || strings.Count(string(out), "\n") != 1 || !strings.HasPrefix(string(out), name+"\t") {
			t.Errorf("%s: %v: %s", name, err, out)
		}
		s := startServer(t, "talk")
		l := newLaunch(t)
		l.program = program
		l.start(connectTo(t, s)...).expect(0, "tlsify 1 "+name, "ready", "end 0")
	}
}

func below(path string, roots []string) bool {
	for _, root := range roots {
		if path == root || strings.HasPrefix(path, root+"/") {
			return true
		}
	}
	return false
}

func needGo(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("needs go")
	}
}

// modulePath is the module's path, which may be any.
func modulePath(t *testing.T) string {
	t.Helper()
	return goList(t, "-m")[0]
}

// goRun runs a program of .ci.
func goRun(t *testing.T, args ...string) (string, error) {
	t.Helper()
	out, err := exec.Command("go", append([]string{"run"}, args...)...).CombinedOutput()
	return string(out), err
}

// goList skips where the package is not there yet.
func goList(t *testing.T, args ...string) []string {
	t.Helper()
	needGo(t)
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		if strings.Contains(stderr.String(), "is not in std") || strings.Contains(stderr.String(), "no required module provides") {
			t.Skip("needs " + args[len(args)-1])
		}
		t.Fatalf("go list: %v: %s", err, stderr.String())
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}
