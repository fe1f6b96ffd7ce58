// Package browser starts the browsers that a machine has, without a screen and
// with a profile of their own, for tests whose client is to be one. It must know
// nothing of what the tests ask. Start reading at Browser.Start.
package browser

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A Browser is one that a machine may have.
type Browser struct {
	Name    string // of our fingerprints, without the version
	Title   string
	Program string // in PATH
	// command starts it on a page, with all that it keeps below home.
	command func(t *testing.T, program, home string, o Options) *exec.Cmd
}

// Options are what a browser is to know.
type Options struct {
	Authority []byte // in PEM, trusted beside its own
	// Resolver is the address, HTTPS and all, of the DNS server that it asks for
	// all names. Without one all names below .tlsify.test are at 127.0.0.1.
	Resolver string
	Page     string
}

// Each is every browser that is known here.
func Each() []*Browser {
	return []*Browser{
		{"chrome", "Chromium", "chromium", chromium},
		{"firefox", "Firefox ESR", "firefox-esr", firefox},
	}
}

// Version asks the browser for its version.
func (b *Browser) Version(t *testing.T) string {
	t.Helper()
	out, err := exec.Command(b.Program, "--version").Output()
	for _, field := range strings.Fields(string(out)) {
		if field[0] >= '0' && field[0] <= '9' {
			return strings.TrimSuffix(field, "esr")
		}
	}
	t.Fatalf("%s: %v: %s", b.Program, err, out)
	return ""
}

// Start starts the browser, or skips the test where the machine has none. The
// caller calls stop, and may ask for what it has said then.
func (b *Browser) Start(t *testing.T, o Options) (stop func() (said string)) {
	t.Helper()
	program, err := exec.LookPath(b.Program)
	if err != nil {
		t.Skip("needs " + b.Program)
	}
	cmd := b.command(t, program, t.TempDir(), o)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &output, &output, time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a browser is many processes
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceValue(func() string {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		cmd.Wait()
		return output.String()
	})
	t.Cleanup(func() { stop() })
	return stop
}

func chromium(t *testing.T, program, home string, o Options) *exec.Cmd {
	args := []string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--disable-dev-shm-usage", "--user-data-dir=" + home, "--remote-debugging-port=0"}
	if o.Resolver == "" {
		args = append(args, "--ignore-certificate-errors", "--host-resolver-rules=MAP *.tlsify.test 127.0.0.1")
	} else {
		trust(t, filepath.Join(home, ".pki", "nssdb"), o.Authority)
		state, _ := json.Marshal(map[string]any{"dns_over_https": map[string]string{"mode": "secure", "templates": o.Resolver + "{?dns}"}})
		write(t, filepath.Join(home, "Local State"), state)
	}
	cmd := exec.Command(program, append(args, o.Page)...)
	cmd.Env = append(os.Environ(), "HOME="+home)
	return cmd
}

func firefox(t *testing.T, program, home string, o Options) *exec.Cmd {
	profile := filepath.Join(home, "profile")
	trust(t, profile, o.Authority)
	preferences := firefoxPreferences + `user_pref("network.dns.forceResolve", "127.0.0.1");`
	if o.Resolver != "" { // it, and it alone, and it may name addresses of this machine
		preferences = firefoxPreferences + `
			user_pref("network.trr.mode", 3);
			user_pref("network.trr.uri", "` + o.Resolver + `");
			user_pref("network.trr.allow-rfc1918", true);`
	}
	write(t, filepath.Join(profile, "user.js"), []byte(preferences))
	cmd := exec.Command(program, "--headless", "--no-remote", "--profile", profile, o.Page)
	cmd.Env = append(os.Environ(), "HOME="+home, "MOZ_DISABLE_AUTO_SAFE_MODE=1")
	return cmd
}

// firefoxPreferences keep it from everything but the page, and change nothing
// of its TLS.
const firefoxPreferences = `
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.startup.homepage_override.mstone", "ignore");
user_pref("browser.aboutwelcome.enabled", false);
user_pref("browser.newtabpage.enabled", false);
user_pref("browser.topsites.contile.enabled", false);
user_pref("browser.safebrowsing.malware.enabled", false);
user_pref("browser.safebrowsing.phishing.enabled", false);
user_pref("browser.safebrowsing.downloads.remote.enabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("toolkit.telemetry.enabled", false);
user_pref("app.update.auto", false);
user_pref("app.normandy.enabled", false);
user_pref("extensions.update.enabled", false);
user_pref("extensions.systemAddon.update.enabled", false);
user_pref("services.settings.server", "data:,");
`

// trust makes a database of NSS's that trusts the authority.
func trust(t *testing.T, dir string, authority []byte) {
	t.Helper()
	certutil, err := exec.LookPath("certutil")
	if err != nil {
		t.Skip("needs certutil")
	}
	file := filepath.Join(dir, "authority.pem")
	write(t, file, authority)
	for _, args := range [][]string{{"-N", "--empty-password"}, {"-A", "-n", "authority", "-t", "C,,", "-i", file}} {
		if out, err := exec.Command(certutil, append(args, "-d", "sql:"+dir)...).CombinedOutput(); err != nil {
			t.Fatalf("certutil: %v: %s", err, out)
		}
	}
}

func write(t *testing.T, file string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
