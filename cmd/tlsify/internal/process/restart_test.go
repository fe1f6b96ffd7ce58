package process

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// asProgram, where it is set, makes the test binary a program that cleans
// itself, with this file as itself, and tells what it is then.
const asProgram = "RESTART_TEST_SELF"

// told is what such a program tells.
type told struct {
	Err      string
	PID      int
	User     int
	Args     []string
	Env      []string // its own
	Children []string // for the caller's programs
	Handed   []string // arguments for another
}

func TestMain(m *testing.M) {
	self := os.Getenv(asProgram)
	if self == "" {
		os.Exit(m.Run())
	}
	t := told{}
	if err := Clean(self); err != nil {
		t.Err = err.Error()
	}
	t.PID, t.User, t.Args, t.Env, t.Children, t.Handed = os.Getpid(), os.Geteuid(), os.Args, os.Environ(), Environ(), WithSwitches(os.Args)
	json.NewEncoder(os.Stdout).Encode(t)
	os.Exit(0)
}

// start runs the program, in an environment of nothing else. Of one with TMPDIR, or another
// variable that glibc takes from a program with more rights than its caller, Go's runtime
// does not see in a build with cgo that it has them.
func start(t *testing.T, program, self string, args []string, env ...string) told {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Args = args
	cmd.Env = slices.Concat(env, []string{asProgram + "=" + self})
	out, err := cmd.Output()
	var is told
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := json.Unmarshal(out, &is); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if is.Err == "" && is.PID != cmd.Process.Pid {
		t.Errorf("it is process %d, and was started as %d", is.PID, cmd.Process.Pid)
	}
	return is
}

func isSwitch(entry string) bool {
	return strings.HasPrefix(entry, "GODEBUG=") || strings.HasPrefix(entry, "GOTRACEBACK=")
}

// switchesIn lists the switches of an environment.
func switchesIn(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(entry string) bool { return !isSwitch(entry) })
}

func ownFile(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestClean(t *testing.T) {
	for _, c := range []struct {
		name string
		env  []string
		args []string // behind argv[0]
		own  []string // the switches that are left to it
		prog []string // and that the caller's programs find
		rest []string // its arguments, where they are not args
	}{
		{name: "none"},
		{name: "empty", env: []string{"GODEBUG=", "GOTRACEBACK="}, own: []string{"GODEBUG=", "GOTRACEBACK="}, prog: []string{"GODEBUG=", "GOTRACEBACK="}},
		{name: "one", env: []string{"GODEBUG=x509usepolicies=0"}, args: []string{"a", "", "b"}, prog: []string{"GODEBUG=x509usepolicies=0"}},
		{name: "the other", env: []string{"GOTRACEBACK=crash"}, prog: []string{"GOTRACEBACK=crash"}},
		{name: "both", env: []string{"GOTRACEBACK=all", "GODEBUG=cpu.aes=off,x=y"}, prog: []string{"GODEBUG=cpu.aes=off,x=y", "GOTRACEBACK=all"}},
		{name: "twice", env: []string{"GODEBUG=x=1", "GODEBUG=x=2"}, prog: []string{"GODEBUG=x=2"}}, // os/exec keeps the last
		{name: "no traces", env: []string{"GOTRACEBACK=none"}, own: []string{"GOTRACEBACK=none"}, prog: []string{"GOTRACEBACK=none"}},
		{name: "no traces, and another", env: []string{"GOTRACEBACK=none", "GODEBUG=x=1"},
			own: []string{"GOTRACEBACK=none"}, prog: []string{"GOTRACEBACK=none", "GODEBUG=x=1"}},
		{name: "much", env: []string{"GODEBUG=" + strings.Repeat("x=1,", 30000)}, prog: []string{"GODEBUG=" + strings.Repeat("x=1,", 30000)}},
		// Arguments that were not made here.
		{name: "handed on", args: []string{marker, "GODEBUG=x=1", "", "a"}, prog: []string{"GODEBUG=x=1"}, rest: []string{"a"}},
		{name: "handed on, and set", env: []string{"GODEBUG=x=2"}, args: []string{marker, "GODEBUG=x=1", "GOTRACEBACK=all", "a"},
			prog: []string{"GODEBUG=x=2", "GOTRACEBACK=all"}, rest: []string{"a"}},
		{name: "handed on twice", args: []string{marker, "", "", marker, "GODEBUG=x=1", ""}, rest: []string{marker, "GODEBUG=x=1", ""}},
		{name: "cut off", args: []string{marker, "GODEBUG=x=1"}},
		{name: "of another variable", args: []string{marker, "PATH=/", ""}},
		{name: "options", args: []string{marker, "--pin", "sha256//x", "evil.test:443"}},
		{name: "elsewhere", args: []string{"a", marker, "GODEBUG=x=1", ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"another name"}, c.args...)
			is := start(t, ownFile(t), ownFile(t), args, c.env...)
			if c.rest != nil {
				args = append(args[:1:1], c.rest...)
			}
			if is.Err != "" || !slices.Equal(is.Args, args) {
				t.Errorf("error %q, arguments %q, want %q", is.Err, is.Args, args)
			}
			if own := switchesIn(is.Env); !slices.Equal(own, c.own) {
				t.Errorf("its own: %q, want %q", own, c.own)
			}
			if prog := switchesIn(is.Children); !slices.Equal(prog, c.prog) {
				t.Errorf("for programs: %q, want %q", prog, c.prog)
			}
			if len(args) > 1 && args[1] == marker {
				return // which is a usage error
			}
			// Another that is handed them has the same.
			next := start(t, ownFile(t), ownFile(t), is.Handed, c.own...)
			if prog := switchesIn(next.Children); !slices.Equal(prog, c.prog) || !slices.Equal(next.Args, args) {
				t.Errorf("the next one: for programs %q, arguments %q", prog, next.Args)
			}
		})
	}
}

// Where it cannot start again it must not go on.
func TestNoSecondStart(t *testing.T) {
	nowhere := filepath.Join(t.TempDir(), "nowhere")
	is := start(t, ownFile(t), nowhere, []string{"tlsify"}, "GODEBUG=x=1")
	if !strings.Contains(is.Err, "GODEBUG") || !strings.Contains(is.Err, nowhere) {
		t.Errorf("error %q", is.Err)
	}
	if is := start(t, ownFile(t), nowhere, []string{"tlsify"}); is.Err != "" {
		t.Errorf("with nothing set: %q", is.Err)
	}
}

// The runtime of a program that has more rights than its caller sets
// GOTRACEBACK itself, at each start: there must be an end of starts.
func TestMoreRightsThanTheCaller(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to become another user")
	}
	const nobody = 65534
	dir, err := os.MkdirTemp("", "restart") // others must be able to enter it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	program := filepath.Join(dir, "program")
	whole, err := os.ReadFile(ownFile(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{os.WriteFile(program, whole, 0o755), os.Chmod(dir, 0o755), os.Chown(program, nobody, nobody),
		os.Chmod(program, 0o755|os.ModeSetuid)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, env := range [][]string{nil, {"GODEBUG=x=1"}, {"GOTRACEBACK=all"}, {"GODEBUG=x=1", "GOTRACEBACK=all"}} {
		is := start(t, program, program, []string{"tlsify", "a"}, env...)
		if is.User != nobody {
			t.Skip("needs a file system whose programs can have more rights")
		}
		if own := switchesIn(is.Env); is.Err != "" || !slices.Equal(own, []string{"GOTRACEBACK=none"}) || !slices.Equal(is.Args, []string{"tlsify", "a"}) {
			t.Errorf("%q: error %q, its own %q, arguments %q", env, is.Err, own, is.Args)
		}
	}
}
