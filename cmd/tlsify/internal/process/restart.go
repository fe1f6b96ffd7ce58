package process

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
)

// tlsify starts again where the environment has switches of the language's
// runtime. The runtime reads them before any code of ours runs, and some of them
// hold for the life of the process: schedtrace writes to descriptor 2, which may be
// the network, and cpu.aes=off takes the processor's AES away. Emptying the
// variable undoes none of that; a new start without it does. Only those who set
// a switch pay for it.
//
// The switches are for the caller's own programs as much as before. The new
// start has them in its arguments, which are the caller's alone: a variable
// that brought them could come from whoever set the others. Clean is where to
// start reading.

// marker is the first argument of a tlsify that was started again, or by one
// that was. Behind it stand the original variables, one argument for each of
// switches, empty where there was none. As a command it would be a port
// without a host.
const marker = ":again"

// switches are the variables that the runtime reads at its start and that can
// do harm. What else it reads (GOGC, GOMEMLIMIT, GOMAXPROCS) is of how much
// memory and how many processors it takes. A GOMEMLIMIT that is no size ends it before
// there is anything of ours that could help (SECURITY.md).
var switches = [...]string{"GODEBUG", "GOTRACEBACK"}

// original is the switches as tlsify was first given them, an entry of the
// environment each, or empty. It is of the process like os.Args, and only Clean
// sets it.
var original [len(switches)]string

// Clean starts the program again, which is the file self, where the
// environment has a switch, with the same process number, arguments, and
// descriptors; it does not return then, but for the error. Else it takes the
// original switches, if there are any, out of os.Args. It must be called before
// anything else is done.
func Clean(self string) error {
	argv, given := split(os.Args)
	env := os.Environ()
	found := false
	for i, name := range switches {
		value := os.Getenv(name)
		if isHarmless(name, value) {
			continue
		}
		found, given[i] = true, name+"="+value
		env = slices.DeleteFunc(env, func(entry string) bool { return strings.HasPrefix(entry, name+"=") })
	}
	if !found {
		os.Args, original = argv, given
		return nil
	}
	err := syscall.Exec(self, join(argv, given), env)
	return fmt.Errorf("cannot start again without %s, which must not be set: %s: %w", strings.Join(switches[:], " and "), self, err)
}

// isHarmless tells whether a switch may stay. One is the runtime's own: it sets
// GOTRACEBACK=none itself in a program that has more rights than its caller, at
// each start.
func isHarmless(name, value string) bool {
	return value == "" || name == "GOTRACEBACK" && value == "none"
}

// split takes the original switches out of arguments.
func split(args []string) (argv []string, given [len(switches)]string) {
	const first = 2
	if len(args) < first+len(given) || args[1] != marker {
		return args, given
	}
	copy(given[:], args[first:])
	for i, name := range switches {
		if given[i] != "" && !strings.HasPrefix(given[i], name+"=") {
			return args, [len(switches)]string{} // not of our making
		}
	}
	return slices.Concat(args[:1], args[first+len(given):]), given
}

func join(argv []string, given [len(switches)]string) []string {
	return slices.Concat(argv[:1], []string{marker}, given[:], argv[1:])
}

// WithSwitches is the arguments of another tlsify that is to have the original switches
// for the caller's programs.
func WithSwitches(argv []string) []string {
	if original == [len(switches)]string{} {
		return argv
	}
	return join(argv, original)
}

// Environ is what a program of the caller's finds: our environment, with the
// original switches.
func Environ() []string {
	env := os.Environ()
	for i, entry := range original {
		if entry != "" {
			env = slices.DeleteFunc(env, func(e string) bool { return strings.HasPrefix(e, switches[i]+"=") })
			env = append(env, entry)
		}
	}
	return env
}
