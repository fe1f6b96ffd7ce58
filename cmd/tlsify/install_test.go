package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tlsify/cmd/tlsify/internal/personality"
)

// makeFiles runs a target of the Makefile that installs, with the test's own
// tlsify for the program.
func makeFiles(t *testing.T, target, root string, settings ...string) {
	t.Helper()
	for _, tool := range []string{"make", "install"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("needs " + tool)
		}
	}
	program, err := exec.LookPath("tlsify")
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{"-s", "-C", "../..", target, "BINARY=" + program, "DESTDIR=" + root}, settings...)
	if out, err := exec.Command("make", args...).CombinedOutput(); err != nil {
		t.Fatalf("make %s: %v\n%s", target, err, out)
	}
}

// installed lists what is below a directory, but for directories.
func installed(t *testing.T, root string) (files []string) {
	t.Helper()
	filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			files = append(files, strings.TrimPrefix(path, root))
		}
		return err
	})
	return files
}

// make install puts one program into bin, and the names of others into a
// directory of their own; make uninstall leaves none of it. DESTDIR may have a blank,
// which was the end of a word.
func TestInstall(t *testing.T) {
	root := filepath.Join(t.TempDir(), "a root")
	makeFiles(t, "install-files", root, "PREFIX=/opt/tls")
	files := installed(t, root)
	for _, want := range []string{
		"/opt/tls/bin/tlsify", "/opt/tls/share/man/man1/tlsify.1", "/opt/tls/share/bash-completion/completions/tlsify",
		"/opt/tls/share/zsh/site-functions/_tlsify", "/opt/tls/share/fish/vendor_completions.d/tlsify.fish",
		"/opt/tls/share/doc/tlsify/README.md", "/opt/tls/share/doc/tlsify/doc/contract.md", "/opt/tls/share/doc/tlsify/examples/go/client.go",
	} {
		if !slices.Contains(files, want) {
			t.Errorf("%s is missing from %q", want, files)
		}
	}
	var names []string
	for _, file := range files {
		switch name, private := strings.CutPrefix(file, "/opt/tls/lib/tlsify/bin/"); {
		case private:
			names = append(names, name)
			if target, err := filepath.EvalSymlinks(root + file); err != nil || !strings.HasSuffix(target, "/opt/tls/bin/tlsify") {
				t.Errorf("%s is %s, %v", name, target, err)
			}
		case strings.HasPrefix(file, "/opt/tls/bin/") && file != "/opt/tls/bin/tlsify":
			t.Errorf("%s is another program's place", file)
		}
	}
	if slices.Sort(names); !slices.Equal(names, personality.Names()) {
		t.Errorf("the Makefile has the personalities %q, the program %q", names, personality.Names())
	}
	makeFiles(t, "uninstall", root, "PREFIX=/opt/tls")
	makeFiles(t, "uninstall", root, "PREFIX=/opt/tls") // nothing is left to remove
	if left := installed(t, root); len(left) > 0 {
		t.Errorf("make uninstall leaves %q", left)
	}
}

// The Debian package has the same files, owned by root, and says of itself what
// dpkg needs.
func TestDebianPackage(t *testing.T) {
	for _, tool := range []string{"dpkg-deb", "make"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("needs " + tool)
		}
	}
	program, err := exec.LookPath("tlsify")
	if err != nil {
		t.Fatal(err)
	}
	deb := filepath.Join(t.TempDir(), "tlsify.deb")
	if out, err := exec.Command("../../.ci/deb", "amd64", program, deb).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	control, err := exec.Command("dpkg-deb", "-f", deb).Output()
	if err != nil || !strings.Contains(string(control), "\nVersion: "+version+"\n") || !strings.Contains(string(control), "\nArchitecture: amd64\n") {
		t.Errorf("%v: %s", err, control)
	}
	other := filepath.Join(t.TempDir(), "tlsify.deb")
	if out, err := exec.Command("../../.ci/deb", "arm", program, other).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if name, err := exec.Command("dpkg-deb", "-f", other, "Architecture").Output(); err != nil || string(name) != "armhf\n" {
		t.Errorf("Go's arm is Debian's %s, %v", name, err)
	}
	list, err := exec.Command("dpkg-deb", "-c", deb).Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(list)) {
		if !regexp.MustCompile(`^[dl-][rwx-]{9} root/root .* \./`).MatchString(line) || strings.Contains(line, "drwxrwx") {
			t.Errorf("in the package: %s", line)
		}
	}
	for _, want := range []string{"./usr/bin/tlsify\n", "./usr/share/man/man1/tlsify.1.gz\n", "./usr/lib/tlsify/bin/openssl -> ../../../bin/tlsify\n", "./usr/share/doc/tlsify/copyright\n",
		"./usr/share/doc/tlsify/README.md\n", "./usr/share/doc/tlsify/ENGINES.md\n", "./usr/share/doc/tlsify/doc/contract.md\n",
		"./usr/share/doc/tlsify/doc/recipes.md\n", "./usr/share/doc/tlsify/examples/client.py\n"} {
		if !strings.Contains(string(list), want) {
			t.Errorf("the package lacks %q", want)
		}
	}
	pages, err := filepath.Glob("../../doc/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatal("no pages", err)
	}
	for _, page := range pages {
		if !strings.Contains(string(list), "./usr/share/doc/tlsify/doc/"+filepath.Base(page)+"\n") {
			t.Errorf("the package lacks %s", page)
		}
	}
}

// The same sources make the same Debian package on every file system: the order of a
// directory's files, and du's figure, were the file system's.
func TestDebianPackageIsTheSame(t *testing.T) {
	for _, tool := range []string{"dpkg-deb", "make"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("needs " + tool)
		}
	}
	memory, err := os.MkdirTemp("/dev/shm", "tlsify")
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { os.RemoveAll(memory) })
	program := filepath.Join(t.TempDir(), "small")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	var packages [][]byte
	for _, dir := range []string{t.TempDir(), memory} {
		deb := filepath.Join(dir, "tlsify.deb")
		cmd := exec.Command("../../.ci/deb", "amd64", program, deb)
		cmd.Env = append(os.Environ(), "TMPDIR="+dir, "SOURCE_DATE_EPOCH=1700000000")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		data, err := os.ReadFile(deb)
		if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, data)
	}
	if !bytes.Equal(packages[0], packages[1]) {
		t.Error("the package depends on the file system that it was made on")
	}
}

// The archive that make source leaves has no history, and makes the same Debian package:
// its files were of 1970.
func TestDebianPackageOfTheArchive(t *testing.T) {
	for _, tool := range []string{"dpkg-deb", "make", "git", "tar"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("needs " + tool)
		}
	}
	when, err := exec.Command("git", "log", "-1", "--date=format-local:%Y-%m-%d %H:%M", "--format=%cd").Output()
	if err != nil {
		t.Skip("needs the history")
	}
	t.Setenv("SOURCE_DATE_EPOCH", "")
	dir := t.TempDir()
	t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(dir))
	script := `mkdir "$0/tree" && git -C ../.. archive HEAD | tar -xC "$0/tree" && cp ../../.ci/deb "$0/tree/.ci/deb" && cd "$0/tree" &&
		echo '#!/bin/sh' >../small && .ci/deb amd64 ../small ../tlsify.deb && dpkg-deb -c ../tlsify.deb`
	list, err := exec.Command("sh", "-c", script, dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, list)
	}
	for line := range strings.Lines(string(list)) {
		if !strings.Contains(line, " "+strings.TrimSpace(string(when))+" ") {
			t.Errorf("not of %s: %s", when, line)
		}
	}
}

// Where the Go that the project is built with cannot be had, make says so in
// one line of its own, whatever GOTOOLCHAIN is in the environment; what make's own
// command line says counts. BSD's make did not read the Makefile.
func TestToolchain(t *testing.T) {
	t.Setenv("GOTOOLCHAIN", "path")
	t.Setenv("MAKEFLAGS", "") // which has what a make around this one was given
	module, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	wanted := regexp.MustCompile(`(?m)^toolchain go(\S+)$`).FindSubmatch(module)
	if wanted == nil {
		t.Fatal("go.mod has no toolchain")
	}
	for _, name := range []string{"make", "bmake"} {
		t.Run(name, func(t *testing.T) {
			if _, err := exec.LookPath(name); err != nil {
				t.Skip("needs " + name)
			}
			for _, toolchain := range []string{"auto", "local"} {
				args := []string{"-s", "-C", "../..", "build", "GO=sh -c 'echo $$GOTOOLCHAIN >&2; false'"}
				if toolchain != "auto" {
					args = append(args, "GOTOOLCHAIN="+toolchain)
				}
				out, err := exec.Command(name, args...).CombinedOutput()
				lines := strings.Split(string(out), "\n")
				if err == nil || lines[0] != toolchain || !strings.HasPrefix(lines[1], "tlsify is built with Go "+string(wanted[1])+" or newer, which cannot be had here") ||
					!strings.HasSuffix(lines[1], "make GOTOOLCHAIN=local") {
					t.Errorf("%q: %v: %s", args, err, out)
				}
			}
		})
	}
}

// With GOFLAGS=-mod=vendor and nothing vendored, make said that there was no Go.
func TestToolchainVendor(t *testing.T) {
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("needs make")
	}
	t.Setenv("MAKEFLAGS", "")
	t.Setenv("GOFLAGS", "-mod=vendor")
	if out, err := exec.Command("make", "-s", "-C", "../..", "toolchain").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
