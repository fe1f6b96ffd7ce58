package main

import (
	"bufio"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"tlsify/engine/pki"
)

//go:embed testdata
var programs embed.FS

// house is what all servers share: a directory with certificates and pages, and
// the server in clear behind those that only pass on.
type house struct {
	dir    string
	values map[string]string
	back   *http.Server
}

// newHouse makes a directory that every user can read, for servers that give
// up root's rights.
func newHouse(tlsify, tools string) (*house, error) {
	dir, err := os.MkdirTemp("", "tlsify-endings")
	if err != nil {
		return nil, err
	}
	h := &house{dir: dir, values: map[string]string{}}
	if err := h.furnish(tlsify, tools); err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

// furnish puts there what the servers need, and starts the one behind the proxies.
func (h *house) furnish(tlsify, tools string) (err error) {
	for _, name := range []string{"root", "programs", "names"} {
		err = errors.Join(err, os.Mkdir(filepath.Join(h.dir, name), 0o755))
	}
	err = errors.Join(err, os.Chmod(h.dir, 0o755), h.unpack(), h.certify())
	for path, page := range pages {
		err = errors.Join(err, os.WriteFile(filepath.Join(h.dir, "root", path), page, 0o644))
	}
	self, selfErr := os.Executable()
	tlsify, tlsifyErr := filepath.Abs(tlsify)
	tools, toolsErr := filepath.Abs(tools)
	l, listenErr := net.Listen("tcp", "127.0.0.1:0")
	if err = errors.Join(err, selfErr, tlsifyErr, toolsErr, listenErr, os.Symlink(tlsify, filepath.Join(h.dir, "names/openssl"))); err != nil {
		return err
	}
	h.back = &http.Server{Handler: http.HandlerFunc(replyUnlessGone)}
	go h.back.Serve(l)
	python := filepath.Join(tools, "venv/bin/python")
	if _, err := os.Stat(python); err != nil {
		python = "python3"
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for name, value := range map[string]string{
		"self": self, "tlsify": tlsify, "tools": tools, "python": python, "backend": l.Addr().String(), "backendport": port,
		"root": h.dir + "/root", "programs": h.dir + "/programs", "chain": h.dir + "/chain.pem", "key": h.dir + "/key.pem", "both": h.dir + "/both.pem", "ca": h.dir + "/ca.pem",
	} {
		h.values[name] = value
	}
	return nil
}

func (h *house) close() {
	if h.back != nil {
		h.back.Close()
	}
	os.RemoveAll(h.dir)
}

// unpack puts the servers that are scripts where they can be run.
func (h *house) unpack() error {
	entries, err := programs.ReadDir("testdata")
	for _, entry := range entries {
		text, readErr := programs.ReadFile("testdata/" + entry.Name())
		err = errors.Join(err, readErr, os.WriteFile(filepath.Join(h.dir, "programs", entry.Name()), text, 0o644))
	}
	return err
}

func (h *house) certify() error {
	root, err := pki.NewRoot(pki.Options{CommonName: "endings"})
	if err != nil {
		return err
	}
	leaf, err := root.Issue(pki.Options{DNS: []string{"localhost"}})
	if err != nil {
		return err
	}
	key, err := leaf.KeyPEM()
	if err != nil {
		return err
	}
	for name, text := range map[string][]byte{"ca": root.PEM(), "chain": leaf.ChainPEM(), "key": key, "both": append(leaf.ChainPEM(), key...)} {
		err = errors.Join(err, os.WriteFile(filepath.Join(h.dir, name+".pem"), text, 0o644))
	}
	return err
}

// placeholder is a value's name in words and files.
var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

// fill puts values in: the site's, or else the house's.
func (h *house) fill(text string, own map[string]string) string {
	return placeholder.ReplaceAllStringFunc(text, func(name string) string {
		name = strings.Trim(name, "{}")
		if value, ok := own[name]; ok {
			return value
		}
		if value, ok := h.values[name]; ok {
			return value
		}
		return "{" + name + "}"
	})
}

func (h *house) fillAll(words []string, own map[string]string) (filled []string) {
	for _, word := range words {
		filled = append(filled, h.fill(word, own))
	}
	return filled
}

func (h *house) hasModule(name string) bool {
	return exec.Command(h.values["python"], "-c", "import "+name).Run() == nil
}

var number = regexp.MustCompile(`\d+(\.\d+)+`)

// versionOf is a server's version, or what this program was built with.
func (h *house) versionOf(s server) string {
	if len(s.version) == 0 {
		return number.FindString(runtimeVersion())
	}
	words := h.fillAll(s.version, nil)
	program, err := lookPath(words[0])
	if err != nil {
		return ""
	}
	out, _ := exec.Command(program, words[1:]...).CombinedOutput()
	return number.FindString(string(out))
}

// listen takes a port that the kernel gives to nobody who does not ask for it: a server
// has it later than we find it.
func listen() (l net.Listener, err error) {
	for range 100 {
		if l, err = net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(10000+rand.IntN(20000))); err == nil {
			break
		}
	}
	return l, err
}

// start starts a server for one version of TLS, and waits until it listens.
func (h *house) start(ctx context.Context, s server, version string) (*site, error) {
	dir, err := os.MkdirTemp(h.dir, "site")
	if err != nil {
		return nil, err
	}
	os.Chmod(dir, 0o755)
	l, err := listen()
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	t := &site{values: map[string]string{"dir": dir, "port": port, "v": version, "chain": h.values["chain"], "key": h.values["key"], "backend": h.values["backend"]},
		address: "localhost:" + port}
	if s.serve != nil {
		t.stop = func() { l.Close() }
		go s.serve(l, t)
		return t, nil
	}
	l.Close()
	for name, text := range s.files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(h.fill(text, t.values)), 0o644); err != nil {
			return nil, err
		}
	}
	if err := t.begin(ctx, h.fillAll(s.run, t.values), h.fillAll(s.env, t.values)); err != nil {
		return nil, err
	}
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
		if conn, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			conn.Close()
			return t, nil
		}
	}
	defer t.stop()
	said, _ := os.ReadFile(t.log.Name())
	return nil, fmt.Errorf("it does not listen: %.400s", said)
}

// answer is a server's program, as inetd would start it: it reads the head of
// a request and writes a page of root's.
func answer(root string, in io.Reader, out io.Writer) int {
	q, err := http.ReadRequest(bufio.NewReader(in))
	if err != nil {
		return 1
	}
	if q.URL.Path == "/slow" {
		time.Sleep(slow)
	}
	page, err := fs.ReadFile(os.DirFS(root), strings.TrimPrefix(q.URL.Path, "/"))
	if err != nil {
		return 1
	}
	fmt.Fprintf(out, "HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n", len(page))
	if _, err := out.Write(page); err != nil {
		return 1
	}
	return 0
}

func runtimeVersion() string { return runtime.Version() }
