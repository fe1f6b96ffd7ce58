package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"tlsify/bench"
	"tlsify/engine/enginetest"
)

// build builds a command of this module into dir.
func build(t *testing.T, dir, name string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	command := exec.Command("go", "build", "-buildvcs=false", "-tags", "pq", "-o", path, "../"+name)
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	return path
}

// Everything from end to end, of what Go alone can build: the contestants take
// part, the report is kept, and all forms of it can be made.
func TestEndToEnd(t *testing.T) {
	if testing.Short() || runtime.GOOS != "linux" {
		t.Skip("it builds two programs and runs them, on Linux")
	}
	dir := t.TempDir()
	programs := programs{tlsify: build(t, dir, "tlsify"), self: build(t, dir, "tlsify-bench"), kept: filepath.Join(dir, "report.json")}
	t.Run("quick", programs.testQuick)
	t.Run("run", programs.testRun)
	t.Run("forms", programs.testForms)
	t.Run("refused", programs.testRefused)
	t.Run("choice", programs.testChoice)
	t.Run("handshakes", programs.testHandshakes)
	t.Run("server", programs.testServer)
	t.Run("listen", programs.testListen)
	t.Run("hang-up", programs.testHangUp)
	t.Run("keep", programs.testKeep)
	t.Run("engines", programs.testEngines)
}

// programs are what is tested, and a report that they keep.
type programs struct{ tlsify, self, kept string }

// run runs tlsify-bench, which must not fail.
func (p programs) run(t *testing.T, args ...string) string {
	t.Helper()
	said, err := exec.Command(p.self, args...).Output()
	// A goal that is missed in so small a run means nothing.
	if exit := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &exit) || exit.ExitCode() != statusWorse) {
		t.Fatalf("%v: %v\n%s", args, err, said)
	}
	return string(said)
}

func (p programs) report(t *testing.T) *bench.Report {
	t.Helper()
	report, err := bench.Load(p.kept)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func (p programs) testQuick(t *testing.T) {
	p.run(t, "quick", "--tlsify", p.tlsify, "--json", p.kept, "--mib", "4", "--rounds", "2", "--starts", "2",
		"--contestants", "tlsify,pass-through,crypto")
	report := p.report(t)
	for _, key := range []string{"bulk/up", "bulk/down"} {
		result := report.Result(key)
		if result == nil || !result.Complete {
			t.Fatalf("%s is not there, or not complete", key)
		}
		for _, name := range []string{"tlsify", "pass-through", "crypto/tls, io.Copy", "crypto/tls in process"} {
			trace := result.Entrant(name)
			if trace == nil || trace.Failure != "" || len(trace.Samples["cpu"]) != 2 || len(trace.Samples["memory"]) != 2 {
				t.Errorf("%s: %s: %+v", key, name, trace)
			}
		}
	}
}

func (p programs) testRun(t *testing.T) {
	p.run(t, "run", "--tlsify", p.tlsify, "--json", p.kept, "--budget", "1s", "--contestants", "tlsify,pass-through",
		"--only", "^(echo/64|rate/resumed 1|handshake/certificates)$")
	report := p.report(t)
	if len(report.Results) != 3 {
		t.Errorf("%d results", len(report.Results))
	}
	for _, result := range report.Results {
		for _, trace := range result.Entrants {
			if !result.Complete || trace.Failure != "" {
				t.Errorf("%s: %s: %s", result.Key(), trace.Contestant, trace.Failure)
			}
		}
	}
	if certificates := report.Result("handshake/certificates"); certificates == nil || certificates.Entrant("tlsify pq, ML-DSA-87") == nil {
		t.Error("no chain with ML-DSA")
	}
}

// Whoever asks for help has not failed.
func TestHelp(t *testing.T) {
	for _, word := range []string{"--help", "-h", "help"} {
		if status := run(t.Context(), []string{word}); status != statusOK {
			t.Errorf("%s: status %d", word, status)
		}
	}
	if status := run(t.Context(), nil); status != statusFailed {
		t.Errorf("no command: status %d", status)
	}
}

// What cannot be measured is refused at once: an engine that there is not took
// 90 seconds for the others, and a word too many or a number that means nothing
// was left out.
func (p programs) testRefused(t *testing.T) {
	for _, c := range []struct {
		want string
		args []string
	}{
		{"nosuch", []string{"quick", "--tlsify", p.tlsify, "--engine", "nosuch"}},
		{"/nonexistent is not installed", []string{"run", "--tlsify", "/nonexistent"}},
		{"/nonexistent is not installed", []string{"listen", "--tlsify", "/nonexistent"}},
		{"/nonexistent is not installed", []string{"run", "--tlsify", p.tlsify, "--with", "other=/nonexistent", "--contestants", "other,tlsify"}},
		{"extra", []string{"quick", "--tlsify", p.tlsify, "extra"}},
		{"--budget", []string{"run", "--tlsify", p.tlsify, "--budget", "0s"}},
		{"--budget", []string{"listen", "--tlsify", p.tlsify, "--budget", "0s"}},
		{"--parallel: 1", []string{"run", "--tlsify", p.tlsify, "--parallel", "0"}},
		{"--handshakes: 1", []string{"run", "--handshakes", "0"}},
		{"--json", []string{"run", "--tlsify", p.tlsify, "--resume"}},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		command := exec.CommandContext(ctx, p.self, c.args...)
		if said, err := command.CombinedOutput(); command.ProcessState.ExitCode() != statusFailed || !strings.Contains(string(said), c.want) || strings.Contains(string(said), "s left") {
			t.Errorf("%v: %v\n%s", c.args, err, said)
		}
		cancel()
	}
}

// A name that there is not is an error, and what is chosen is measured, with the
// bytes on the wire.
func (p programs) testChoice(t *testing.T) {
	for _, args := range [][]string{
		{"--group", "nosuch"}, {"--cert", "nosuch"}, {"--cipher", "nosuch"}, {"--link", "nosuch"}, {"--only", "nosuch"},
		{"--contestants", "nosuch"}, {"--parallel", "-1"}, {"--pair", "x25519+P-256"}, {"--handshakes", "1"}, // which has no contestants
	} {
		command := exec.Command(p.self, append([]string{"run", "--tlsify", p.tlsify, "--budget", "1s", "--contestants", "tlsify"}, args...)...)
		if said, err := command.CombinedOutput(); command.ProcessState.ExitCode() != statusFailed || !strings.Contains(string(said), args[1]) && args[0] != "--parallel" && args[0] != "--handshakes" {
			t.Errorf("%v: %v\n%s", args, err, said)
		}
	}
	kept := filepath.Join(t.TempDir(), "chosen.json")
	p.run(t, "run", "--tlsify", p.tlsify, "--json", kept, "--budget", "1s", "--contestants", "tlsify",
		"--group", "x25519,X-Wing", "--cert", "P-256,ML-DSA-65", "--link", "1ms,100mbit", "--cipher", "TLS_CHACHA20_POLY1305_SHA256", "--only", "link|bulk/up")
	p.kept = kept
	report := p.report(t)
	if len(report.Results) != 2 || !strings.HasPrefix(report.Results[0].Entrants[0].Negotiated, "TLSv1.3 TLS_CHACHA20_POLY1305_SHA256") {
		t.Fatalf("%+v", report.Results)
	}
	trace := report.Results[1].Entrant("tlsify pq, X-Wing, ML-DSA-65")
	if trace == nil || len(trace.Samples["sent"]) == 0 || trace.Samples["sent"][0] < 1216 || trace.Samples["received"][0] < 15000 {
		t.Errorf("a KEM that only pq has, with its bytes: %+v", trace)
	}
}

// Handshakes alone are measured as often as is asked for, with their packets, and
// shown in percentiles.
func (p programs) testHandshakes(t *testing.T) {
	dir := t.TempDir()
	kept, page := filepath.Join(dir, "handshakes.json"), filepath.Join(dir, "page.md")
	p.run(t, "run", "--json", kept, "--handshakes", "3", "--pair", "x25519+ML-DSA-44,x25519+ML-DSA-44 alone,MLKEM1024+ML-DSA-44,MLKEM1024+ML-DSA-44 alone", "--link", "1ms")
	p.kept = kept
	result := p.report(t).Results[0]
	for i, least := range []float64{10000, 6000, 11000, 7000} {
		trace := result.Entrants[i]
		// A flight each way over the link; netem has TCP's handshake take as long once more.
		if len(trace.Samples["latency"]) != 3 || trace.Samples["latency"][0] < 2 || trace.Samples["received"][0] < least || trace.Samples["packets received"][0] < 1 {
			t.Errorf("%+v", trace)
		}
	}
	if err := os.WriteFile(page, []byte("<!-- percentiles -->\n<!-- /percentiles -->\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.run(t, "show", "--as", "all", "--output", filepath.Join(dir, "all"), kept)
	for _, name := range []string{"all.html", "all.csv", "all-handshakes-1ms.svg", "all-handshakes-1ms.png", "all-handshakes-1ms-ecdf.svg"} {
		if text, err := os.ReadFile(filepath.Join(dir, name)); err != nil || name == "all.html" && !strings.Contains(string(text), "MLKEM1024, ML-DSA-44") {
			t.Errorf("%s: %v", name, err)
		}
	}
	p.run(t, "show", "--as", "percentiles", "--into", page, kept, kept)
	if text, err := os.ReadFile(page); err != nil || !strings.Contains(string(text), "\n| | 1ms (n\u00a03) | 1ms (n\u00a03) |\n|---|---|---|\n| x25519, ML-DSA-44 | ") {
		t.Errorf("%v\n%s", err, text)
	}
}

// A server that is not ours is measured as far as any can be.
func (p programs) testServer(t *testing.T) {
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{enginetest.TLSCertificate(enginetest.Chain(t, "good"))}})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go http.Serve(listener, http.NotFoundHandler())
	authority, kept := filepath.Join(t.TempDir(), "ca.pem"), filepath.Join(t.TempDir(), "foreign.json")
	if err := os.WriteFile(authority, enginetest.PKI(t).Root.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	p.run(t, "run", "--tlsify", p.tlsify, "--json", kept, "--budget", "1s", "--contestants", "tlsify",
		"--server", listener.Addr().String(), "--server-name", enginetest.Host, "--server-ca", authority)
	p.kept = kept
	for _, result := range p.report(t).Results {
		if trace := result.Entrant("tlsify"); trace.Failure != "" || len(trace.Samples[result.Metrics[0].Name]) == 0 {
			t.Errorf("%s: %+v", result.Key(), trace)
		}
	}
	// One that nobody verifies is told of once, with what helps.
	said, err := exec.Command(p.self, "run", "--tlsify", p.tlsify, "--contestants", "tlsify",
		"--server", listener.Addr().String(), "--server-name", "other.test", "--server-ca", authority).CombinedOutput()
	if err == nil || strings.Count(string(said), "(cert-name)") != 1 || !strings.Contains(string(said), "--server-name the name to find") {
		t.Errorf("%v: %s", err, said)
	}
}

func (p programs) testListen(t *testing.T) {
	kept := filepath.Join(t.TempDir(), "listen.json")
	p.run(t, "listen", "--tlsify", p.tlsify, "--json", kept, "--budget", "1s", "--clients", "2", "--contestants", "tlsify")
	p.kept = kept
	trace := p.report(t).Result("listen/2").Entrant("tlsify listen")
	if trace == nil || trace.Failure != "" || len(trace.Samples["rate"]) == 0 || trace.Samples["p99.9"][0] <= 0 {
		t.Errorf("%+v", trace)
	}
}

func (p programs) testForms(t *testing.T) {
	for form, want := range map[string]string{
		"table": "Round trips", "summary": "| round trip of 64 bytes |",
		"html": "</html>", "csv": "echo,64,tlsify", "benchstat": "BenchmarkEcho/case=64/contestant=tlsify 1 ",
	} {
		if out := p.run(t, "show", "--as", form, p.kept); !strings.Contains(out, want) {
			t.Errorf("as %s, it has no %q:\n%s", form, want, out)
		}
	}
	// A drawing of nothing is refused with what there is to draw.
	if said, err := exec.Command(p.self, "show", "--as", "svg", p.kept).CombinedOutput(); err == nil || !strings.Contains(string(said), "needs --result") || !strings.Contains(string(said), "echo/64") {
		t.Errorf("a drawing of nothing: %v\n%s", err, said)
	}
	stem := strings.TrimSuffix(p.kept, ".json")
	p.run(t, "show", "--as", "all", "--output", stem, p.kept)
	if _, err := os.Stat(stem + ".html"); err != nil {
		t.Error(err)
	}
	if out := p.run(t, "compare", "--machines", p.kept, p.kept, p.kept); strings.Count(out, "report: ") != 3 || !strings.Contains(out, "echo/64  ") {
		t.Errorf("three machines:\n%s", out)
	}
	if out := p.run(t, "compare", p.kept, p.kept); !strings.Contains(out, "0 worse, 0 better") {
		t.Errorf("compared with itself:\n%s", out)
	}
}

// A regression beyond the noise is a failure, for a script to see; noise is none.
func TestCompareFailsOnARegression(t *testing.T) {
	kept := filepath.Join(t.TempDir(), "report.json")
	for _, c := range []struct {
		factor float64
		want   int
	}{{1, statusOK}, {1.02, statusOK}, {0.5, statusOK}, {1.4, statusWorse}} {
		report, err := bench.Load("../../bench/results/epyc-2.json")
		if err != nil {
			t.Fatal(err)
		}
		earlier := kept + ".earlier"
		if err := report.Save(earlier); err != nil {
			t.Fatal(err)
		}
		result := report.Result("startup/bundle")
		samples := result.Entrant(ours).Samples[result.Metrics[0].Name]
		for i := range samples {
			samples[i] *= c.factor
		}
		if err := report.Save(kept); err != nil {
			t.Fatal(err)
		}
		if status, err := compare(t.Context(), []string{earlier, kept}); status != c.want || err != nil {
			t.Errorf("one start at %g times its time: status %d, %v", c.factor, status, err)
		}
	}
}

func (p programs) testEngines(t *testing.T) {
	if out := p.run(t, "engines", "--starts", "2", "one="+p.tlsify); !strings.Contains(out, "| one | ") || !strings.Contains(out, "| pq | ") {
		t.Errorf("builds:\n%s", out)
	}
	out := p.run(t, "quick", "--tlsify", p.tlsify, "--engine", "pq", "--mib", "1", "--rounds", "1", "--starts", "1", "--contestants", "tlsify")
	if !strings.Contains(out, "at most 1.05 of tlsify std") {
		t.Errorf("another engine beside std:\n%s", out)
	}
}

// doc/figures.md has the summary of each committed report, as it would be
// written now.
func TestFiguresHaveTheReports(t *testing.T) {
	const root = "../.."
	reports, err := filepath.Glob(root + "/bench/results/*.json")
	if err != nil {
		t.Fatal(err)
	}
	figures, err := os.ReadFile(root + "/doc/figures.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range reports {
		report, err := bench.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(figures), summary(report, path, root+"/doc")) {
			t.Errorf("doc/figures.md has no summary of %s, or an old one: make it with tlsify-bench show --into doc/figures.md", filepath.Base(path))
		}
		// What is said of them below it was left behind by a new report once.
		var trips []any
		for _, size := range []string{"1", "64", "1400"} {
			trips = append(trips, bench.Summarize(report.Result("echo/" + size).Entrant("tlsify").Samples["cpu"]).Median)
		}
		if said := fmt.Sprintf("takes %.0f, %.0f and %.0f us of CPU", trips...); !strings.Contains(string(figures), said) {
			t.Errorf("doc/figures.md does not say that a round trip %s, as %s has it", said, filepath.Base(path))
		}
	}
}

// A terminal that hangs up leaves no files behind.
func (p programs) testHangUp(t *testing.T) {
	dir := t.TempDir()
	command := exec.Command(p.self, "listen", "--tlsify", p.tlsify, "--contestants", "tlsify listen", "--clients", "1", "--budget", "1m")
	command.Env = append(os.Environ(), "TMPDIR="+dir)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	defer time.AfterFunc(time.Minute, func() { command.Process.Kill() }).Stop()
	files := func() []string {
		names, _ := filepath.Glob(dir + "/*")
		return names
	}
	for range 1000 {
		if len(files()) > 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	command.Process.Signal(syscall.SIGHUP)
	command.Wait()
	if left := files(); len(left) > 0 {
		t.Errorf("it has left %v", left)
	}
}

// A server, and what it has started, ends with whoever had it started, however that
// ended: with the input of the process that keeps it.
func (p programs) testKeep(t *testing.T) {
	command := exec.Command(p.self, "keep", "sh", "-c", "sleep 1000 & echo ready; sleep 1000")
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	limit := time.AfterFunc(20*time.Second, func() { syscall.Kill(-command.Process.Pid, syscall.SIGKILL) })
	said := make([]byte, len("ready\n"))
	if _, err := io.ReadFull(output, said); err != nil {
		t.Fatal(err)
	}
	input.Close()
	io.Copy(io.Discard, output) // which all of them hold
	if command.Wait(); !limit.Stop() {
		t.Error("they went on")
	}
}
