package bench

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A host is a program that takes TLS off connections, each for an echo.
type host struct {
	Contestant
	// args gives its arguments, writing what files it needs.
	args func(h hosting) ([]string, error)
	env  func(h hosting) []string
	// program is the name of what it starts for each connection.
	program string
}

// hosting is what a host is given: where to listen, and who it is.
type hosting struct {
	port, cert, key, dir string
	echo                 string // the address of an echo in clear, for those that start no program
}

func (h hosting) write(name, text string) (string, error) {
	path := h.dir + "/" + name
	return path, os.WriteFile(path, []byte(text), 0o600)
}

// The names of ours among the servers, and of one that is for idle connections.
const (
	listener     = "tlsify listen"
	stunnelProxy = "stunnel proxy"
)

// hosts are tlsify's listener and those of others. All but nginx start a program
// for each connection, cat; nginx passes it on to a server that is there.
func hosts(tlsify string) []host {
	return []host{
		{Contestant{Name: listener, Program: tlsify, Version: []string{"version"}, Options: "a process and cat for each; limits raised"},
			func(h hosting) ([]string, error) {
				return []string{"listen", "--cert", h.cert, "--key", h.key, "--max-connections", "6000", "--max-per-address", "6000",
					"--max-handshakes", "2000", "127.0.0.1:" + h.port, "--", "cat"}, nil
			}, nil, "cat"},
		{Contestant{Name: "stunnel server", Program: "stunnel", Version: []string{"-version"}, Options: "a thread and cat for each", Peer: true},
			func(h hosting) ([]string, error) {
				path, err := h.write("stunnel.conf", fmt.Sprintf(stunnelServer, h.port, "exec = /bin/cat\nexecArgs = cat", h.cert, h.key))
				return []string{path}, err
			}, nil, "cat"},
		// With thousands of programs stunnel comes to a halt.
		{Contestant{Name: stunnelProxy, Program: "stunnel", Version: []string{"-version"}, Options: "a thread for each, no program: it passes the bytes on; for idle connections alone", Peer: true},
			func(h hosting) ([]string, error) {
				path, err := h.write("stunnel-proxy.conf", fmt.Sprintf(stunnelServer, h.port, "connect = "+h.echo, h.cert, h.key))
				return []string{path}, err
			}, nil, ""},
		{Contestant{Name: "nginx stream", Program: "nginx", Version: []string{"-v"}, Options: "two processes, no program: it passes the bytes on, and so does less"},
			func(h hosting) ([]string, error) {
				path, err := h.write("nginx.conf", fmt.Sprintf(nginxStream, h.port, h.echo, h.cert, h.key))
				return []string{"-p", h.dir, "-c", path}, err
			}, nil, ""},
		{Contestant{Name: "socat server", Program: "socat", Version: []string{"-V"}, Options: "a process and cat for each", Peer: true},
			func(h hosting) ([]string, error) {
				return []string{fmt.Sprintf("OPENSSL-LISTEN:%s,bind=127.0.0.1,reuseaddr,fork,backlog=512,cert=%s,key=%s,verify=0", h.port, h.cert, h.key), "EXEC:cat"}, nil
			}, nil, "cat"},
		{Contestant{Name: "s6-tlsserver", Program: "s6-tlsserver", Options: "a process and cat for each", Version: []string{}, Peer: true},
			func(h hosting) ([]string, error) {
				return []string{"-H", "-R", "-c", "2000", "-C", "2000", "-b", "512", "127.0.0.1", h.port, "cat"}, nil
			},
			func(h hosting) []string { return []string{"CERTFILE=" + h.cert, "KEYFILE=" + h.key} }, "cat"},
	}
}

const stunnelServer = `foreground = yes
pid =
syslog = no
[echo]
accept = 127.0.0.1:%s
%s
cert = %s
key = %s
`

const nginxStream = `load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
worker_processes 2;
pid nginx.pid;
error_log stderr crit;
events { worker_connections 4096; }
stream {
  server {
    listen 127.0.0.1:%s ssl backlog=512;
    proxy_pass %s;
    ssl_certificate %s;
    ssl_certificate_key %s;
  }
}
`

// Servers are the hosts that can take part, and what they and their clients
// need.
type Servers struct {
	self        string // Rig.Self
	hosting     hosting
	client      *tls.Config
	hosts       map[string]host
	Contestants []Contestant
}

// MusterServers finds out which hosts can take part: those that are installed
// and echo a line. only tells which are asked, by their names.
func (r *Rig) MusterServers(ctx context.Context, tlsify string, only func(name string) bool) (*Servers, []Entry, error) {
	chain, err := r.chain(KeyP256)
	if err != nil {
		return nil, nil, err
	}
	echo, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	context.AfterFunc(ctx, func() { echo.Close() })
	go echoAll(echo)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(chain.rootPEM)
	s := &Servers{
		self:    r.Self,
		hosting: hosting{cert: chain.certFile, key: chain.keyFile, dir: r.dir, echo: echo.Addr().String()},
		client:  &tls.Config{RootCAs: roots, ServerName: serverName}, hosts: map[string]host{},
	}
	var entries []Entry
	for _, h := range hosts(tlsify) {
		if !only(h.Name) {
			continue
		}
		entry := Entry{Name: h.Name, Options: h.Options, Peer: h.Peer}
		path, err := exec.LookPath(h.Program)
		if err == nil {
			path, err = filepath.Abs(path)
		}
		if err == nil {
			h.Program = path
			if entry.Version = "unknown"; len(h.Version) > 0 {
				entry.Version = h.version(ctx)
			}
			s.hosts[h.Name] = h
			entry.Command, entry.Config = h.describe(s.hosting)
			_, err = s.load(ctx, h.Name, 1, 1)
		} else {
			err = fmt.Errorf("%s is not installed", h.Program)
		}
		if err != nil {
			entry.Missing = err.Error()
		} else {
			s.Contestants = append(s.Contestants, h.Contestant)
		}
		entries = append(entries, entry)
	}
	return s, entries, context.Cause(ctx)
}

// describe gives the command line, and the configuration that it names, for
// people.
func (h host) describe(at hosting) (command, config string) {
	at.port = "PORT"
	args, err := h.args(at)
	if err != nil {
		return err.Error(), ""
	}
	var env []string
	if h.env != nil {
		env = h.env(at)
	}
	clean := strings.NewReplacer(at.dir+"/", "", at.dir, ".", at.echo, "ECHO").Replace
	words := append(append(env, filepath.Base(h.Program)), args...)
	return clean(strings.Join(words, " ")), clean(configuration(args))
}

// configuration gives what stands in the file that the last argument names, if
// it names one that says what the program is to do.
func configuration(args []string) string {
	if len(args) == 0 || !strings.HasSuffix(args[len(args)-1], ".conf") {
		return ""
	}
	text, _ := os.ReadFile(args[len(args)-1])
	return string(text)
}

func echoAll(l net.Listener) {
	for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
		go func() {
			// Not spliced, for which thousands would need two descriptors more each.
			io.CopyBuffer(struct{ io.Writer }{conn}, struct{ io.Reader }{conn}, make([]byte, 4<<10))
			conn.Close()
		}()
	}
}

// errNoServer is that there is nothing to measure.
var errNoServer = errors.New("there is no such server, or none that can be measured")
