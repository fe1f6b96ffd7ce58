package main

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tlsify/engine/enginetest/raced"
)

// TestMain makes a second program of the test binary: the real tlsify, with one
// thing spoiled (spoil_test.go); or tlsify-check itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "spoil" {
		spoiled(os.Args[2], os.Args[3:])
	}
	if len(os.Args) > 2 && os.Args[1] == "check" {
		os.Exit(check(os.Args[2:], os.Stdout, os.Stderr))
	}
	flag.Set("test.parallel", "16") // most of the time goes by in waiting
	dir, err := os.MkdirTemp("", "tlsify-check-test")
	if err != nil {
		panic(err)
	}
	buildDir = dir
	status := m.Run()
	os.RemoveAll(dir)
	os.Exit(status)
}

var buildDir string

// tlsify builds the program, with every engine, once.
func tlsify(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("needs go")
	}
	program, err := buildTlsify()
	if err != nil {
		t.Fatal(err)
	}
	return program
}

var buildTlsify = sync.OnceValues(func() (string, error) {
	program := filepath.Join(buildDir, "tlsify")
	cmd := exec.Command("go", "build", "-buildvcs=false", "-tags", "utls,pq", "-o", program, "../tlsify")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", &os.PathError{Op: "go build", Path: string(out), Err: err}
	}
	return program, nil
})

// slowOption leaves out what takes its time, but where someone wants it.
func slowOption() []string {
	if os.Getenv("TLSIFY_CHECK_SLOW") != "" {
		return nil
	}
	return []string{"-quick"}
}

// Our own program keeps the whole contract, with each engine.
func TestOwnProgram(t *testing.T) {
	program := tlsify(t)
	for _, engine := range []string{"std", "utls", "pq"} {
		t.Run(engine, func(t *testing.T) {
			var out, complaints strings.Builder
			options := slowOption()
			if options != nil && raced.Times() == 1 {
				// Nine rules waited for the 10 seconds of --eof-wait and were not about that.
				options = append(options, "-patience", "9s")
			}
			status := check(append(options, "-engine", engine, program), &out, &complaints)
			if status != 0 || complaints.Len() > 0 {
				t.Errorf("status %d %s\n%s", status, complaints.String(), failures(out.String()))
			}
			score := regexp.MustCompile(`(?m)^score .*`).FindString(out.String())
			t.Log(score)
			if engine == "std" && strings.Contains(out.String(), "no server side") {
				t.Error("its server side was not tried")
			}
		})
	}
}

// failures are the lines of a table about rules that are not kept.
func failures(table string) string {
	var b strings.Builder
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "ok ") && !strings.HasPrefix(line, "skip ") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// What a program is without is found out in a moment: each run of the kit waited for the
// 10 seconds of --eof-wait first, because its server wanted the end of a client that waits
// for the server's.
func TestProbeIsQuick(t *testing.T) {
	program := tlsify(t)
	var out strings.Builder
	began := time.Now()
	if status := check([]string{"-only", "status-0", program}, &out, &out); status != 0 || time.Since(began) >= 10*time.Second {
		t.Errorf("status %d after %v: %s", status, time.Since(began), out.String())
	}
}

// A program that is no tlsify keeps hardly anything, and the kit survives it.
func TestOtherPrograms(t *testing.T) {
	for _, program := range []string{"true", "cat", "yes"} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(program); err != nil {
				t.Skip("needs " + program)
			}
			var out, complaints strings.Builder
			if status := check([]string{"-quick", "-patience", "200ms", "-parallel", "32", program}, &out, &complaints); status != 1 {
				t.Errorf("status %d: %s%s", status, out.String(), complaints.String())
			}
		})
	}
}

func TestCommandLine(t *testing.T) {
	for _, c := range []struct {
		args   string
		status int
		text   string
	}{
		{"", 2, "which program"},
		{"/no/such/program", 2, "no such file"},
		{"-only nothing true", 2, `there is no rule "nothing"`},
		{"-parallel 0 true", 2, "must be positive"},
		{"-no-such-option true", 2, "not defined"},
		{"-list", 0, "control-ready"},
		{"-h", 0, "usage: tlsify-check"},
	} {
		var out strings.Builder
		if status := check(strings.Fields(c.args), &out, &out); status != c.status || !strings.Contains(out.String(), c.text) {
			t.Errorf("%q: status %d, %q", c.args, status, out.String())
		}
	}
}

// Each rule has an id of its own, and a sentence.
func TestRulesAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rules() {
		if seen[r.id] || r.sentence == "" || r.check == nil || !regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`).MatchString(r.id) {
			t.Errorf("%q: twice, or not whole", r.id)
		}
		seen[r.id] = true
	}
}

// A signal leaves neither files nor programs behind, however long they would wait.
func TestSignalLeavesNothing(t *testing.T) {
	dir, started := t.TempDir(), t.TempDir()
	cmd := exec.Command(os.Args[0], "check", "-patience", "1m", "sh", "-c", "touch "+started+"/$$; exec sleep 1000")
	cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer time.AfterFunc(time.Minute, func() { cmd.Process.Kill() }).Stop()
	var programs []os.DirEntry
	for end := time.Now().Add(30 * time.Second); len(programs) == 0 && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		programs, _ = os.ReadDir(started)
	}
	cmd.Process.Signal(syscall.SIGTERM)
	cmd.Wait()
	if left, _ := os.ReadDir(dir); len(programs) == 0 || len(left) > 0 || cmd.ProcessState.ExitCode() != 128+int(syscall.SIGTERM) {
		t.Errorf("%v; programs %v, files that are left: %v", cmd.ProcessState, programs, left)
	}
	for _, p := range programs {
		runs := func() bool {
			command, _ := os.ReadFile("/proc/" + p.Name() + "/cmdline")
			return strings.HasPrefix(string(command), "sleep")
		}
		for end := time.Now().Add(5 * time.Second); runs() && time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond)
		}
		if runs() {
			t.Errorf("the program %s has been left", p.Name())
		}
	}
}
