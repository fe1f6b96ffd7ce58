//go:build linux

package privilege

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unsafe"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/process"
)

const (
	// readRights are what reading from a directory and the files in it takes.
	readRights = ll.AccessFSReadFile | ll.AccessFSReadDir
	// replaceRights are what it takes to replace a file in a directory.
	replaceRights = readRights | ll.AccessFSWriteFile | ll.AccessFSTruncate | ll.AccessFSMakeReg | ll.AccessFSRemoveFile
	// fileRights are those of them that can be given to a single file.
	fileRights = ll.AccessFSReadFile | ll.AccessFSWriteFile | ll.AccessFSTruncate
)

// versions are what each version of Landlock can restrict, from the first: the
// third is the first that restricts truncation, and the fourth TCP. Scopes are
// not used: some kernels that have them keep the threads of one process, which
// the runtime has signal each other, from doing so. Seccomp stands for them.
var versions = []landlock.Config{landlock.V1, landlock.V2, landlock.V3, landlock.V4, landlock.V5, landlock.V6, landlock.V7, landlock.V8, landlock.V9}

// perProcess is the version from which one call restricts every thread.
const perProcess = 8

// ruleset is a Landlock ruleset that is not in force yet.
type ruleset struct {
	fd      int
	version int // of Landlock
}

// landlockVersion is the version of the kernel's Landlock.
func landlockVersion() (int, error) {
	version, err := ll.LandlockGetABIVersion()
	if err != nil || version < 1 {
		return 0, fmt.Errorf("the kernel has no Landlock, or does not let it be used: %w", err)
	}
	if !ownThreads && version < perProcess {
		return 0, errors.New("this build uses cgo, and can't use the kernel's Landlock on every thread")
	}
	if version < perProcess {
		if err := process.ReachesThreads(); err != nil {
			return 0, fmt.Errorf("no Landlock: %w", err)
		}
	}
	return version, nil
}

// newRuleset makes the ruleset that leaves of the file system what is needed,
// and of TCP nothing unless sockets are needed.
//
// The library's own way to restrict a process, landlock.Config, makes every
// thread set no_new_privs, and then every thread take the ruleset, where one
// after the other has to be woken. The filter has done the former by then.
func newRuleset(n Needs) (*ruleset, error) {
	version, err := landlockVersion()
	if err != nil {
		return nil, err
	}
	config := versions[min(version, len(versions))-1]
	attributes := ll.RulesetAttr{HandledAccessFS: uint64(config.HandledAccessFS), HandledAccessNet: uint64(config.HandledAccessNet)}
	if n.Sockets {
		attributes.HandledAccessNet = 0
	}
	r := &ruleset{version: version}
	if r.fd, err = ll.LandlockCreateRuleset(&attributes, 0); err != nil {
		return nil, os.NewSyscallError("landlock_create_ruleset", err)
	}
	for _, path := range slices.Concat(reachable(n.Read, n.Trees), n.Whole) {
		r.allow(path, readRights)
	}
	if n.Replace != "" { // and where it is a file, nothing: it holds none
		r.allow(n.Replace+"/.", replaceRights&attributes.HandledAccessFS)
	}
	return r, nil
}

// allow gives rights to a file, or to a directory and all that is in it. Where that
// cannot be done, nobody has them.
func (r *ruleset) allow(path string, rights uint64) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err == nil && st.Mode&unix.S_IFMT != unix.S_IFDIR {
		rights &= fileRights
	}
	_ = ll.LandlockAddPathBeneathRule(r.fd, &ll.PathBeneathAttr{AllowedAccess: rights, ParentFd: fd}, 0)
}

// enforce puts the ruleset in force on every thread, each of which must have
// no_new_privs.
func (r *ruleset) enforce() error {
	if r.version >= perProcess {
		return os.NewSyscallError("landlock_restrict_self", ll.LandlockRestrictSelf(r.fd, ll.FlagRestrictSelfTSync))
	}
	return os.NewSyscallError("landlock_restrict_self", ll.AllThreadsLandlockRestrictSelf(r.fd, 0))
}

func (r *ruleset) close() { unix.Close(r.fd) }

// reachable gives paths without symbolic links, and beside the directories
// among them whatever links in those lead to: the system's certificates, by
// hash, are links to files of another directory. Where that is in one of trees, which
// everyone may read all of, it is the directory: there may be hundreds.
func reachable(paths, trees []string) []string {
	r := reach{trees: trees, known: map[string]bool{}, goals: map[string]string{}}
	for _, path := range paths {
		r.add(path)
	}
	return r.paths
}

// reach collects the paths that make others readable.
type reach struct {
	trees []string
	paths []string
	known map[string]bool
	goals map[string]string // of directories: themselves, without links, where they are in trees, or ""
}

func (r *reach) add(path string) {
	if r.known[path] {
		return
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil || r.known[real] {
		return
	}
	r.known[real] = true
	r.paths = append(r.paths, real)
	for _, target := range linksFrom(real) {
		if target[0] != '/' {
			target = real + "/" + target
		}
		dir := filepath.Dir(target)
		goal, known := r.goals[dir]
		if !known {
			goal = r.within(dir)
			r.goals[dir] = goal
		}
		if goal == "" {
			goal = target
		}
		r.add(goal)
	}
}

// within is dir without links, if it is in trees by its name and in truth, or "".
func (r *reach) within(dir string) string {
	in := func(path string) bool {
		return slices.ContainsFunc(r.trees, func(tree string) bool { return path == tree || strings.HasPrefix(path, tree+"/") })
	}
	if !in(dir) {
		return ""
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil && in(real) {
		return real
	}
	return ""
}

// linksFrom lists what the symbolic links in a directory lead to, as they say it.
func linksFrom(dir string) (targets []string) {
	d, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(d)
	entries := make([]byte, 32<<10)
	target := make([]byte, unix.PathMax)
	for {
		n, err := unix.Getdents(d, entries)
		if err != nil || n == 0 {
			return targets
		}
		for rest := entries[:n]; len(rest) > 0; {
			entry := rest[:binary.NativeEndian.Uint16(rest[unsafe.Offsetof(unix.Dirent{}.Reclen):])]
			rest = rest[len(entry):]
			if kind := entry[unsafe.Offsetof(unix.Dirent{}.Type)]; kind != unix.DT_LNK && kind != unix.DT_UNKNOWN {
				continue
			}
			// The name ends with a zero, as the call takes it.
			name := unsafe.Pointer(&entry[unsafe.Offsetof(unix.Dirent{}.Name)])
			n, _, errno := unix.Syscall6(unix.SYS_READLINKAT, uintptr(d), uintptr(name), uintptr(unsafe.Pointer(&target[0])), unix.PathMax, 0, 0)
			if errno != 0 {
				continue
			}
			if bytes.IndexByte(target[:n], '/') < 0 {
				continue // a link to a neighbour, which is that neighbour's matter
			}
			targets = append(targets, string(target[:n]))
		}
	}
}
