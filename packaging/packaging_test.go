// Package packaging has only tests: of the recipes for packages, each linted, and
// built as far as its tools are there. Programs are not built again: a shell
// script that says its version stands for tlsify.
package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// version is the program's, as the Makefile finds it.
func version(t *testing.T) string {
	t.Helper()
	var found []string
	filepath.WalkDir("../cmd/tlsify", func(path string, entry os.DirEntry, err error) error {
		if strings.HasSuffix(path, ".go") {
			text, _ := os.ReadFile(path)
			for _, match := range regexp.MustCompile(`(?m)^const (?:version|Version) = "(.*)"$`).FindAllStringSubmatch(string(text), -1) {
				found = append(found, match[1])
			}
		}
		return err
	})
	if len(found) != 1 {
		t.Fatalf("versions %q", found)
	}
	return found[0]
}

// Every recipe is for the version that this is.
func TestVersions(t *testing.T) {
	for file, line := range map[string]string{
		"alpine/APKBUILD": "pkgver=", "arch/PKGBUILD": "pkgver=", "openwrt/Makefile": "PKG_VERSION:=",
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		value := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(line) + `"?([^"\n]*)"?$`).FindStringSubmatch(string(text))
		if value == nil || value[1] != version(t) {
			t.Errorf("%s is for version %q, and this is %s", file, value, version(t))
		}
	}
}

func needs(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("needs " + tool)
		}
	}
}

// command runs one in dir, and fails the test with what it said.
func command(t *testing.T, dir string, env []string, words ...string) string {
	t.Helper()
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir = dir
	// A make that has started us is not one that this one is below.
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); name != "MAKEFLAGS" && name != "MFLAGS" && name != "MAKELEVEL" {
			cmd.Env = append(cmd.Env, entry)
		}
	}
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v\n%s", words, err, out)
	}
	return string(out)
}

func TestShellCheck(t *testing.T) {
	needs(t, "shellcheck")
	command(t, ".", nil, "shellcheck", "alpine/APKBUILD", "arch/PKGBUILD", "../.ci/deb", "../.ci/run")
}

// source is a copy of the tree as a package's recipe finds it, with something
// for a built program.
func source(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tlsify-"+version(t))
	if err := os.MkdirAll(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Makefile", "README.md", "SECURITY.md", "ENGINES.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "doc", "examples"} {
		path, err := filepath.Abs("../" + name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "bin/tlsify"), []byte("#!/bin/sh\necho tlsify "+version(t)+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// holds looks for the program, its manual page, completions, pages and names.
func holds(t *testing.T, root string) {
	t.Helper()
	for _, path := range []string{"bin/tlsify", "share/man/man1/tlsify.1", "share/bash-completion/completions/tlsify",
		"share/doc/tlsify/README.md", "share/doc/tlsify/doc/recipes.md", "lib/tlsify/bin/openssl"} {
		if _, err := os.Stat(filepath.Join(root, path)); err != nil {
			t.Error(err)
		}
	}
}

// An APKBUILD is a script for sh that has some variables and functions.
func TestAlpine(t *testing.T) {
	needs(t, "make", "sh", "install")
	recipe, err := filepath.Abs("alpine/APKBUILD")
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	out := command(t, source(t), []string{"pkgdir=" + root}, "sh", "-euc", `. "$0"
		for name in pkgname pkgver pkgrel pkgdesc url arch license makedepends source; do eval "test -n \"\$$name\"" || echo "no $name"; done
		check >/dev/null
		package`, recipe)
	if out != "" {
		t.Error(out)
	}
	holds(t, root+"/usr")
}

// makepkg reads the recipe as it does before it builds; the package's function
// runs as it has it run.
func TestArch(t *testing.T) {
	needs(t, "make", "bash", "install")
	recipe, err := filepath.Abs("arch/PKGBUILD")
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	dir := source(t)
	command(t, filepath.Dir(dir), []string{"pkgdir=" + root}, "bash", "-euc", `. "$0"; (check); package`, recipe)
	holds(t, root+"/usr")
	if _, err := os.Stat(root + "/usr/share/licenses/tlsify/LICENSE"); err != nil {
		t.Error(err)
	}
	needs(t, "makepkg")
	words := []string{"makepkg", "--printsrcinfo"}
	if os.Getuid() == 0 { // as whom it refuses to run
		needs(t, "setpriv")
		words = append([]string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"}, words...)
	}
	text, err := os.ReadFile(recipe)
	if err != nil {
		t.Fatal(err)
	}
	shared, err := os.MkdirTemp("", "tlsify-arch")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(shared) })
	if err := os.WriteFile(filepath.Join(shared, "PKGBUILD"), text, 0o644); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 { // who runs it must be able to get there, and to write; and nobody else
		if err := os.Chown(shared, 65534, 65534); err != nil {
			t.Fatal(err)
		}
	}
	// It looks for pacman, even where it has nothing to ask it.
	info := command(t, shared, []string{"HOME=" + shared, "PACMAN=true"}, words...)
	for _, want := range []string{"pkgbase = tlsify\n", "\tpkgver = " + version(t) + "\n", "\tmakedepends = go>=1.27\n"} {
		if !strings.Contains(info, want) {
			t.Errorf("no %q in %s", want, info)
		}
	}
}

// The formula is read by Ruby with a stand-in for Homebrew's class, which writes
// down what install would run. Of a formula that has only a head Homebrew's version is
// HEAD and a commit, which its test took for the program's and failed.
func TestHomebrew(t *testing.T) {
	needs(t, "ruby")
	out := command(t, ".", nil, "ruby", "-w", "-e", `
		class Formula
		  class << self
		    attr_reader :told
		    def method_missing(name, *args, **named, &block) = (@told ||= {})[name] = args[0]
		    def respond_to_missing?(*) = true
		    def test(&block) = (@tested = block)
		    attr_reader :tested
		  end
		  def version = "HEAD-0123abc"
		  def shell_output(_) = "tlsify 0.1.0 of somebody\n"
		  def assert_match(pattern, text) = text.match?(pattern) || puts("no #{pattern} in #{text}")
		  def system(*words) = puts(words.join(" "))
		  def method_missing(name, *) = "/#{name}"
		  def respond_to_missing?(*) = true
		end
		def symbol = nil
		load "homebrew/tlsify.rb"
		%i[desc homepage license head depends_on].each { |name| puts "no #{name}" unless Tlsify.told.key?(name) }
		Tlsify.new.install
		Tlsify.new.instance_eval(&Tlsify.tested)`)
	want := "make build GOTOOLCHAIN=local\nmake install-files PREFIX=/prefix BASHDIR=/bash_completion ZSHDIR=/zsh_completion FISHDIR=/fish_completion MANDIR=/man\n"
	if out != want {
		t.Errorf("%q", out)
	}
	// Each of its settings is one that the Makefile has.
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, match := range regexp.MustCompile(`([A-Z]+)=/`).FindAllStringSubmatch(out, -1) {
		if !regexp.MustCompile(`(?m)^` + match[1] + ` +=`).Match(makefile) {
			t.Errorf("the Makefile has no %s", match[1])
		}
	}
}

// OpenWrt's Makefile is read by make with a stand-in for the buildroot, which
// prints what a package is made of.
func TestOpenWrt(t *testing.T) {
	needs(t, "make")
	top := t.TempDir()
	for file, text := range map[string]string{
		"rules.mk":           "",
		"include/package.mk": "define BuildPackage\n$(info package $(1) $(PKG_VERSION) $(GO_PKG_BUILD_PKG))$(eval $(Package/$(1)))$(info $(SECTION) $(TITLE) $(DEPENDS))\nendef\n",
		"feeds/packages/lang/golang/golang-package.mk": "GO_ARCH_DEPENDS:=@arch\ndefine GoBinPackage\n$(info binary $(1))\nendef\n",
	} {
		path := filepath.Join(top, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out := command(t, ".", nil, "make", "-n", "-f", "openwrt/Makefile", "TOPDIR="+top, "INCLUDE_DIR="+top+"/include", "DL_DIR=/dl", "--eval=all:")
	module := strings.TrimSpace(command(t, ".", nil, "go", "list", "-m"))
	for _, want := range []string{"binary tlsify\n", "package tlsify " + version(t) + " " + module + "/cmd/tlsify\n", "net TLS for every program that has none @arch +ca-bundle\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %s", want, out)
		}
	}
}

// The image has the program of its platform and the roots, and nothing else.
func TestContainer(t *testing.T) {
	needs(t, "buildah")
	if os.Getuid() != 0 {
		t.Skip("needs the right to mount a file system")
	}
	dir, work := t.TempDir(), t.TempDir()
	if err := os.MkdirAll(dir+"/bin/dist", 0o755); err != nil {
		t.Fatal(err)
	}
	programs := map[string]string{"": "tlsify-linux-" + runtime.GOARCH, "linux/amd64": "tlsify-linux-amd64", "linux/arm64": "tlsify-linux-arm64",
		"linux/arm/v7": "tlsify-linux-armv7"}
	for _, program := range programs {
		if err := os.WriteFile(dir+"/bin/dist/"+program, []byte(program), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(dir+"/ca-certificates.crt", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	recipe, err := filepath.Abs("container/Containerfile")
	if err != nil {
		t.Fatal(err)
	}
	buildah := []string{"buildah", "--root", work + "/root", "--runroot", work + "/run", "--storage-driver", "vfs"}
	for platform, program := range programs {
		build := append(slices.Clone(buildah), "bud", "--isolation", "chroot", "-q", "-f", recipe, "--build-context", "roots="+dir, "-t", "tlsify")
		if platform != "" {
			build = append(build, "--platform", platform)
		}
		command(t, dir, nil, append(build, ".")...)
		container := "for" + strings.ReplaceAll(platform, "/", "-")
		command(t, dir, nil, append(slices.Clone(buildah), "from", "--pull-never", "--name", container, "tlsify")...)
		mounted := strings.TrimSpace(command(t, dir, nil, append(slices.Clone(buildah), "mount", container)...))
		defer command(t, dir, nil, append(slices.Clone(buildah), "umount", container)...)
		var files []string
		filepath.WalkDir(mounted, func(path string, entry os.DirEntry, err error) error {
			if err == nil && !entry.IsDir() {
				files = append(files, strings.TrimPrefix(path, mounted))
			}
			return err
		})
		if want := []string{"/etc/ssl/certs/ca-certificates.crt", "/tlsify"}; !slices.Equal(files, want) {
			t.Errorf("the image for %q has %q", platform, files)
		}
		if content, err := os.ReadFile(mounted + "/tlsify"); string(content) != program {
			t.Errorf("the image for %q has %q: %v", platform, content, err)
		}
	}
}
