// Fuzz goes round every fuzzer of the packages, those with the fewest minutes
// first, with one worker each, and keeps in a file how many minutes each has had
// in all. Only a clean run counts. It fails where a fuzzer found something (Go
// writes the input under the package's testdata), and says which have had less
// than ten minutes.
//
//	go run .ci/fuzz.go -tags utls,pq -time 60s doc/fuzz.txt ./...
package main

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// enough is what each fuzzer should have had before a release.
const enough = 10 * time.Minute

// row is one fuzzer and its record, a line of the file.
type row struct {
	pkg, name  string
	minutes    float64
	executions int64
	last       string // the day of the last clean run
}

func main() {
	tags := flag.String("tags", "", "build tags")
	each := flag.Duration("time", time.Minute, "for each fuzzer")
	flag.Parse()
	if flag.NArg() < 2 {
		fmt.Fprintln(os.Stderr, "usage: go run .ci/fuzz.go [-tags TAGS] [-time TIME] FILE PACKAGE...")
		os.Exit(2)
	}
	file, packages := flag.Arg(0), flag.Args()[1:]
	found, err := list(*tags, packages)
	var round []row
	if err == nil {
		round, err = update(file, func(all []row) []row { return merge(all, found) })
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(2)
	}
	round = slices.DeleteFunc(round, func(r row) bool { return !slices.ContainsFunc(found, r.same) })
	slices.SortStableFunc(round, func(a, b row) int { return cmp.Compare(a.minutes, b.minutes) })
	failed := 0
	for i := range round {
		if *each > 0 && !fuzz(&round[i], *tags, *each, file) {
			failed++
		}
	}
	for _, r := range round {
		if r.minutes < enough.Minutes() {
			fmt.Printf("less than %v in all: %s\n", enough, r)
		}
	}
	if failed > 0 {
		fmt.Printf("%d of %d fuzzers failed\n", failed, len(round))
		os.Exit(1)
	}
}

// list asks the packages' test binaries for their fuzzers.
func list(tags string, packages []string) (found []row, err error) {
	out, err := exec.Command("go", "list", "-m").Output()
	if err != nil {
		return nil, fmt.Errorf("go list -m: %w", err)
	}
	module := strings.TrimSpace(string(out))
	args := append([]string{"test", "-tags", tags, "-list", "^Fuzz"}, packages...)
	out, err = exec.Command("go", args...).Output()
	if err != nil {
		return nil, fmt.Errorf("go test -list: %w\n%s", err, out)
	}
	unplaced := 0
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 1 && strings.HasPrefix(fields[0], "Fuzz"):
			found = append(found, row{name: fields[0], last: "-"})
		case len(fields) > 1 && fields[0] == "ok": // after the names of its fuzzers
			for ; unplaced < len(found); unplaced++ {
				found[unplaced].pkg = "./" + strings.TrimPrefix(fields[1], module+"/")
			}
		}
	}
	return found, nil
}

var progress = regexp.MustCompile(`fuzz: elapsed: ([0-9hms.]+), execs: ([0-9]+)`)

// fuzz runs one fuzzer, and adds a clean run to it and to the file. Most of the
// time would go into making new inputs smaller if that had no limit.
func fuzz(r *row, tags string, each time.Duration, file string) (clean bool) {
	ctx, cancel := context.WithTimeout(context.Background(), each+10*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "go", "test", "-tags", tags, "-run", "^$", "-fuzz", "^"+r.name+"$",
		"-fuzztime", each.String(), "-fuzzminimizetime", "100x", "-parallel", "1", r.pkg).CombinedOutput()
	// Go's fuzzing may take the end of its time for a failure of the fuzzer, on
	// a busy machine (golang.org/issue/75804). What it found it wrote down.
	overtime := bytes.Contains(out, []byte("\n    context deadline exceeded\n")) && !bytes.Contains(out, []byte("Failing input"))
	if err != nil && !overtime {
		fmt.Printf("FAIL %s %s: %v\n%s", r.pkg, r.name, err, out)
		return false
	}
	var elapsed time.Duration // none, if it did not get through its corpus
	var executions int64
	if all := progress.FindAllSubmatch(out, -1); len(all) > 0 {
		last := all[len(all)-1]
		elapsed, _ = time.ParseDuration(string(last[1]))
		executions, _ = strconv.ParseInt(string(last[2]), 10, 64)
	}
	_, err = update(file, func(all []row) []row {
		had := &all[slices.IndexFunc(all, r.same)]
		had.minutes += elapsed.Minutes()
		had.executions += executions
		had.last = time.Now().UTC().Format(time.DateOnly)
		*r = *had
		return all
	})
	if err != nil {
		fmt.Println(err)
		return false
	}
	fmt.Printf("ok %v\n", r)
	return true
}

func (r row) same(other row) bool { return r.pkg == other.pkg && r.name == other.name }

func (r row) String() string {
	return fmt.Sprintf("%8.2f %12d %10s %s %s", r.minutes, r.executions, r.last, r.pkg, r.name)
}

const heading = " minutes   executions last       package and fuzzer"

func read(file string) (all []row, err error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for line := range bytes.Lines(content) {
		var r row
		if strings.TrimSpace(string(line)) == strings.TrimSpace(heading) {
			continue
		}
		if _, err := fmt.Sscan(string(line), &r.minutes, &r.executions, &r.last, &r.pkg, &r.name); err != nil {
			return nil, fmt.Errorf("%s: %q: %w", file, line, err)
		}
		all = append(all, r)
	}
	return all, nil
}

// merge adds the fuzzers that are new, and drops those that their package has no
// more.
func merge(all, found []row) []row {
	all = slices.DeleteFunc(all, func(r row) bool {
		return slices.ContainsFunc(found, func(f row) bool { return f.pkg == r.pkg }) && !slices.ContainsFunc(found, r.same)
	})
	for _, r := range found {
		if !slices.ContainsFunc(all, r.same) {
			all = append(all, r)
		}
	}
	return all
}

// update changes the file under a lock, as several rounds may be under way.
func update(file string, change func([]row) []row) ([]row, error) {
	lock, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return nil, err
	}
	all, err := read(file)
	if err != nil {
		return nil, err
	}
	all = change(all)
	slices.SortFunc(all, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.pkg, b.pkg), cmp.Compare(a.name, b.name))
	})
	var out strings.Builder
	fmt.Fprintln(&out, heading)
	for _, r := range all {
		fmt.Fprintln(&out, r)
	}
	return all, os.WriteFile(file, []byte(out.String()), 0o666)
}
