package bench

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// pretended is a tlsify that has two engines, and the option of an axis where
// help says so.
func pretended(t *testing.T, help string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tlsify")
	script := "#!/bin/sh\ncase $1 in\nengines) printf 'std\\tclient\\tcrypto/tls\\n\\tgroups: x25519\\npq\\tclient\\tours\\n\\tgroups: x25519\\n\\tgroups by name only: MLKEM512\\n';;\n" +
		"help) echo '" + help + "';;\nesac\n"
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func names(all []Contestant) string {
	var list []string
	for _, c := range all {
		list = append(list, c.Name)
	}
	return strings.Join(list, ", ")
}

// Each engine and, where there is the option, each value of an axis is a
// contestant; the first is what the report is about.
func TestContestantsByAxis(t *testing.T) {
	for _, c := range []struct{ help, engine, want string }{
		{"no such option", "", "tlsify, tlsify pq"},
		{"--pump auto|...  how bytes are moved", "", "tlsify, tlsify pq, tlsify --pump ktls, tlsify --pump record, tlsify --pump session"},
		{"no such option", "pq", "tlsify, tlsify std"},
		{"no such option", "none", "tlsify, tlsify std, tlsify pq"},
	} {
		all := Tlsify(t.Context(), pretended(t, c.help), c.engine)
		if got := names(all); got != c.want {
			t.Errorf("with %q and %q: %s", c.help, c.engine, got)
		}
	}
	all := Tlsify(t.Context(), pretended(t, "--pump X"), "pq")
	if !slices.Equal(all[0].Groups, []string{"x25519", "MLKEM512"}) || !all[0].verifies(KeyMLDSA65) || !all[1].verifies(KeyMLDSA65) || tlsify("", "", tlsifyEngine{name: "utls"}).verifies(KeyMLDSA65) {
		t.Errorf("%+v, %+v", all[0], all[1])
	}
	if last := len(all) - 1; all[last-1].Resumes || !all[last].Resumes {
		t.Error("sessions are kept without take-over alone")
	}
	if got := names(MoreEngines(t.Context(), pretended(t, "--pump X"), all[:1])); got != "tlsify pq" {
		t.Errorf("more engines: %s", got)
	}
	args, err := all[2].Args(Target{Addr: "127.0.0.1:1", Name: "n", CAFile: "f"})
	if got := strings.Join(args, " "); err != nil || got != "connect --name n --trust f --engine pq --pump ktls 127.0.0.1:1" {
		t.Errorf("%s, %v", got, err)
	}
}

// Who is not installed, or does not bring the greeting, is said to be missing,
// with the reason, and the others take part.
func TestMusterSaysWhoIsMissing(t *testing.T) {
	if _, err := Custom("x", " "); err == nil {
		t.Error("a contestant without a command")
	}
	absent, err := Custom("absent", "no-such-program-here {addr}")
	if err != nil {
		t.Fatal(err)
	}
	mute, err := Custom("mute", "false {addr}")
	if err != nil {
		t.Fatal(err)
	}
	mute.Only = &ServerKind{Plain: true}
	rig, err := NewRig("/bin/false")
	if err != nil {
		t.Fatal(err)
	}
	defer rig.Close()
	rig.servers[ServerKind{Plain: true}] = &background{Addr: echoServer(t), stdin: os.Stdin, cmd: nil}
	defer delete(rig.servers, ServerKind{Plain: true})
	present, entries, err := rig.Muster(t.Context(), []Contestant{absent, mute})
	if err != nil || len(present) != 0 || len(entries) != 2 {
		t.Fatalf("%v, %v, %v", present, entries, err)
	}
	if entries[0].Missing != "no-such-program-here is not installed" || !strings.Contains(entries[1].Missing, "no greeting") {
		t.Errorf("%q, %q", entries[0].Missing, entries[1].Missing)
	}
}

// echoServer returns everything and, when the client has ended, ends too.
func echoServer(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				io.Copy(conn, conn)
				conn.Close()
			}()
		}
	}()
	return listener.Addr().String()
}
