package main

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tlsify/engine/enginetest"
)

// exampleClients are the programs of examples/ that do the same in every
// language: the source, and what runs it or makes a program of it.
var exampleClients = []struct {
	source string
	run    []string // with the words SOURCE, and PROGRAM for what was built
	build  []string // before that, if it must be built
}{
	{"client.sh", []string{"sh", "SOURCE"}, nil},
	{"client.sh", []string{"zsh", "SOURCE"}, nil}, // which has $status to itself
	{"client.c", []string{"PROGRAM"}, []string{"cc", "-Wall", "-Werror", "-O", "-o", "PROGRAM", "SOURCE"}},
	{"client.py", []string{"python3", "SOURCE"}, nil},
	{"client.pl", []string{"perl", "SOURCE"}, nil},
	{"client.lua", []string{"lua5.4", "SOURCE"}, nil},
	{"client.rb", []string{"ruby", "SOURCE"}, nil},
	{"client.mjs", []string{"node", "SOURCE"}, nil},
	{"client.rs", []string{"PROGRAM"}, []string{"rustc", "-o", "PROGRAM", "SOURCE"}},
	{"Client.java", []string{"java", "-cp", "PROGRAM", "Client"}, []string{"javac", "-d", "PROGRAM", "SOURCE"}},
	{"go/client.go", []string{"PROGRAM"}, []string{"go", "build", "-o", "PROGRAM", "SOURCE"}},
}

// exampleCommand is what runs an example, built if need be.
func exampleCommand(t *testing.T, source string, run, build []string) []string {
	t.Helper()
	words := map[string]string{"SOURCE": filepath.Join("../../examples", source), "PROGRAM": filepath.Join(t.TempDir(), "client")}
	replaced := func(command []string) (all []string) {
		for _, word := range command {
			if w, ok := words[word]; ok {
				word = w
			}
			all = append(all, word)
		}
		return all
	}
	tool := slices.Concat(build, run)[0]
	if _, err := exec.LookPath(tool); err != nil {
		t.Skipf("needs the language's %s", tool)
	}
	if build != nil {
		command := replaced(build)
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", tool, err, out)
		}
	}
	return replaced(run)
}

// Every example gets a page from each kind of server, and ends with 0; it tells
// why a wrong name is refused, and nothing of its bytes gets there; it tells of a
// stream that was cut, and of what it was told with an escape.
func TestExampleClients(t *testing.T) {
	own, cut := startServer(t, "http"), startServer(t, "fin")
	servers := map[string]string{"net/http": goServer(t), "nginx": nginxServer(t), "asyncio": pythonServer(t)}
	for _, example := range exampleClients {
		t.Run(example.source, func(t *testing.T) {
			t.Parallel()
			command := exampleCommand(t, example.source, example.run, example.build)
			try := func(what, address string, status int, stdout, stderr string, options ...string) {
				t.Helper()
				args := slices.Concat(command[1:], []string{address}, trusting(t), options)
				cmd := exec.CommandContext(t.Context(), command[0], args...)
				var out, complaints strings.Builder
				cmd.Stdout, cmd.Stderr = &out, &complaints
				if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
					t.Fatal(err)
				}
				if got := cmd.ProcessState.ExitCode(); got != status || !regexp.MustCompile(`^(?s:`+stdout+`)$`).MatchString(out.String()) || !strings.Contains(complaints.String(), stderr) {
					t.Errorf("%s: status %d, want %d; %q, want %q; %q does not have %q", what, got, status, out.String(), stdout, complaints.String(), stderr)
				}
			}
			name := []string{"--name", enginetest.Host}
			try("good", own.address, 0, `HTTP/1.0 200 OK\r\n\r\npage\n`, "TLSv1.3", name...)
			for server, address := range servers {
				if address != "" {
					try(server, address, 0, `HTTP/1.[01] .*`, "TLSv1.3", name...)
				}
			}
			try("wrong name", own.address, 5, "", "(cert-name)", "--name", "wrong.test")
			try("cut", cut.address, 6, "hello\n", "(truncated)", name...)
			try("escaped", own.address, 1, "", "100%", "--100%")
		})
	}
}

// goServer is net/http's, and its address.
func goServer(t *testing.T) string {
	t.Helper()
	certificate, err := tls.LoadX509KeyPair(pkiFiles(t)+"/good.pem", pkiFiles(t)+"/good.key")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(100 * time.Millisecond) // long enough to see that the client has left
		if r.Context().Err() == nil {
			io.WriteString(w, "page\n")
		}
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "https://")
}

// background starts a server of another's in dir, and gives its address, once it
// listens there; or nothing where it is not installed.
func background(t *testing.T, dir, port string, command ...string) string {
	t.Helper()
	if _, err := exec.LookPath(command[0]); err != nil {
		return ""
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = dir
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	address := "127.0.0.1:" + port
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return address
		}
		if time.Now().After(end) {
			t.Fatalf("%q does not listen", command)
		}
	}
}

func nginxServer(t *testing.T) string {
	t.Helper()
	dir, port := t.TempDir(), unusedPort(t)
	config := "daemon off; master_process off; pid " + dir + "/pid; error_log stderr; events {}\nhttp { access_log off;\n"
	for _, temp := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		config += temp + "_temp_path " + dir + "/" + temp + ";\n"
	}
	config += "server { listen 127.0.0.1:" + port + " ssl; ssl_certificate " + pkiFiles(t) + "/good.pem; ssl_certificate_key " + pkiFiles(t) + "/good.key;\n" +
		"ssl_protocols TLSv1.3; location / { return 200 page; } } }\n"
	if err := os.WriteFile(dir+"/conf", []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	return background(t, dir, port, "nginx", "-c", dir+"/conf", "-e", "stderr")
}

// pythonServer is made of asyncio, as most of Python's are. (http.server never
// sends a close_notify, so what it says is always cut.)
func pythonServer(t *testing.T) string {
	t.Helper()
	port := unusedPort(t)
	return background(t, pkiFiles(t), port, "python3", "-c", `
import asyncio, ssl, sys
async def answer(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    await asyncio.sleep(0.1)
    writer.write(b"HTTP/1.0 200 OK\r\n\r\npage\n")
    writer.close()
async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("good.pem", "good.key")
    await (await asyncio.start_server(answer, "127.0.0.1", int(sys.argv[1]), ssl=context)).serve_forever()
asyncio.run(main())`, port)
}

func unusedPort(t *testing.T) string {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// An example is short, and there is no client in examples/ that is not run.
func TestExamplesAreShort(t *testing.T) {
	sources, err := filepath.Glob("../../examples/*")
	if err != nil || len(sources) == 0 {
		t.Skip("needs examples/")
	}
	for _, path := range append(sources, "../../examples/go/client.go") {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // a directory
		}
		name := strings.TrimPrefix(path, "../../examples/")
		// A demonstration is long by design; handoff.* shows both kinds of socket; the
		// signer has two tokens' protocols to speak.
		long := strings.HasPrefix(name, "demo") || strings.HasPrefix(name, "handoff.") || name == "pkcs11-signer.sh"
		if n := strings.Count(string(text), "\n"); n >= 60 && !long {
			t.Errorf("%s has %d lines", name, n)
		}
		if strings.Contains(strings.ToLower(name), "client") && !slices.ContainsFunc(exampleClients, func(e struct {
			source     string
			run, build []string
		}) bool {
			return e.source == name
		}) {
			t.Errorf("%s is in no test", name)
		}
	}
}
