package main

import (
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"tlsify/cmd/internal/early"
	"tlsify/cmd/tlsify/internal/personality"
)

// TestMain makes four programs of the test binary and puts them into PATH:
// tlsify itself; witness, which starts tlsify and takes down what the control
// channel says (witness_test.go); prog, which is PROG (prog_test.go); and
// captive, a tlsify that tries to break out (captive_test.go).
func TestMain(m *testing.M) {
	if personality.Known(filepath.Base(os.Args[0])) {
		main() // a symlink in a script's private directory
	}
	// Most tests wait for another process most of the time.
	flag.Set("test.parallel", "8")
	programs := map[string]func(){
		"tlsify":  main,
		"witness": witness,
		"prog":    prog,
		"captive": captive,
		"without": without,
	}
	if programs[filepath.Base(os.Args[0])] == nil {
		syscall.Umask(0o022) // some tests have other users read their files
	}
	testscript.Main(withAllProcessors{m}, programs)
}

// withAllProcessors are the tests, but for the programs that they start of this one.
type withAllProcessors struct{ *testing.M }

func (m withAllProcessors) Run() int {
	runtime.GOMAXPROCS(early.Processors)
	return m.M.Run()
}
