package bench

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A host is a program that takes TLS off connections, each for an echo.
type host struct {
	Contestant
	// args gives its arguments, writing what files it needs.
	args func(h hosting) ([]string, error)
	env  func(h hosting) []string
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

// hosts are tlsify's listener and those of others. All but nginx start a program
// for each connection, cat; nginx passes it on to a server that is there.
func hosts(tlsify string) []host {
	return []host{
		{Contestant{Name: "tlsify listen", Program: tlsify, Version: []string{"version"}, Options: "a process and cat for each; limits raised"},
			func(h hosting) ([]string, error) {
				return []string{"listen", "--cert", h.cert, "--key", h.key, "--max-connections", "2000", "--max-per-address", "2000",
					"--max-handshakes", "2000", "127.0.0.1:" + h.port, "--", "cat"}, nil
			}, nil},
		{Contestant{Name: "stunnel", Program: "stunnel", Version: []string{"-version"}, Options: "a thread and cat for each", Peer: true},
			func(h hosting) ([]string, error) {
				path, err := h.write("stunnel.conf", fmt.Sprintf("foreground = yes\npid =\nsyslog = no\n[echo]\naccept = 127.0.0.1:%s\nexec = /bin/cat\nexecArgs = cat\ncert = %s\nkey = %s\n", h.port, h.cert, h.key))
				return []string{path}, err
			}, nil},
		{Contestant{Name: "nginx stream", Program: "nginx", Version: []string{"-v"}, Options: "two processes, no program: it passes the bytes on", Peer: true},
			func(h hosting) ([]string, error) {
				path, err := h.write("nginx.conf", fmt.Sprintf(nginxStream, h.port, h.echo, h.cert, h.key))
				return []string{"-p", h.dir, "-c", path}, err
			}, nil},
		{Contestant{Name: "socat", Program: "socat", Version: []string{"-V"}, Options: "a process and cat for each", Peer: true},
			func(h hosting) ([]string, error) {
				return []string{fmt.Sprintf("OPENSSL-LISTEN:%s,bind=127.0.0.1,reuseaddr,fork,backlog=512,cert=%s,key=%s,verify=0", h.port, h.cert, h.key), "EXEC:cat"}, nil
			}, nil},
		{Contestant{Name: "s6-tlsserver", Program: "s6-tlsserver", Options: "a process and cat for each", Version: []string{}, Peer: true},
			func(h hosting) ([]string, error) { return []string{"-c", "2000", "127.0.0.1", h.port, "cat"}, nil },
			func(h hosting) []string { return []string{"CERTFILE=" + h.cert, "KEYFILE=" + h.key} }},
	}
}

const nginxStream = `load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off; worker_processes 2; pid nginx.pid; error_log stderr crit; events { worker_connections 4096; }
stream { server { listen 127.0.0.1:%s ssl backlog=512; proxy_pass %s; ssl_certificate %s; ssl_certificate_key %s; } }
`

// ListenPlan is the plan of a run about servers: so many clients at a time,
// each of which connects, has a line echoed, and leaves, again and again. only
// tells which servers are measured, by their names.
func ListenPlan(ctx context.Context, rig *Rig, tlsify string, clients []int, only func(name string) bool) (Plan, []Entry, error) {
	chain, err := rig.chain(KeyP256)
	if err != nil {
		return Plan{}, nil, err
	}
	echo, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return Plan{}, nil, err
	}
	context.AfterFunc(ctx, func() { echo.Close() })
	go echoAll(echo)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(chain.rootPEM)
	l := &listenLoad{hosting{cert: chain.certFile, key: chain.keyFile, dir: rig.dir, echo: echo.Addr().String()},
		&tls.Config{RootCAs: roots, ServerName: serverName}, map[string]host{}}
	var able []Contestant
	var entries []Entry
	for _, h := range hosts(tlsify) {
		if !only(h.Name) {
			continue
		}
		entry := Entry{Name: h.Name, Options: h.Options, Peer: h.Peer}
		path, err := exec.LookPath(h.Program)
		if err == nil {
			h.Program = path
			if entry.Version = "unknown"; len(h.Version) > 0 {
				entry.Version = h.version(ctx)
			}
			l.hosts[h.Name] = h
			entry.Command = h.describe(l.hosting)
			_, err = l.load(ctx, h.Name, 1, 1)
		}
		if err != nil {
			entry.Missing = err.Error()
		} else {
			able = append(able, h.Contestant)
		}
		entries = append(entries, entry)
	}
	if len(able) == 0 {
		return Plan{}, nil, errors.New("there is no such server, or none that can be measured")
	}
	p := Plan{}
	for _, n := range clients {
		p.Experiments = append(p.Experiments, Experiment{
			Workload: "listen", Case: strconv.Itoa(n), Metrics: slices.Concat([]Metric{
				{Name: "rate", Unit: "1/s", MoreIsBetter: true},
				{Name: "machine", Unit: "ms"}, // of all processors, for one connection
			}, quantileMetrics("ms", true)),
			Title:       fmt.Sprintf("Connections that a server takes in a second, by %d clients at a time", n),
			Contestants: able, Repeat: Repeat{Warmup: 1, Min: 6, Max: 15, Narrow: 0.05, Limit: time.Minute},
			Trial: func(ctx context.Context, c Contestant) (Outcome, error) {
				return l.load(ctx, c.Name, n, min(20*n, 400))
			},
		})
	}
	return p, entries, nil
}

// describe gives the command line, and the configuration that it names, for
// people.
func (h host) describe(at hosting) string {
	at.port = "PORT"
	args, err := h.args(at)
	if err != nil {
		return err.Error()
	}
	text := filepath.Base(h.Program) + " " + strings.Join(args, " ")
	if config, err := os.ReadFile(args[len(args)-1]); err == nil {
		text += ": " + strings.Join(strings.Fields(string(config)), " ")
	}
	return strings.ReplaceAll(strings.ReplaceAll(text, at.dir+"/", ""), at.echo, "ECHO")
}

func echoAll(l net.Listener) {
	for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
		go func() {
			io.Copy(conn, conn)
			conn.Close()
		}()
	}
}

type listenLoad struct {
	hosting hosting
	client  *tls.Config
	hosts   map[string]host
}

// load starts a server, makes so many connections, clients at a time, and ends
// it.
func (l *listenLoad) load(ctx context.Context, name string, clients, connections int) (Outcome, error) {
	h, at := l.hosts[name], l.hosting
	at.port = strconv.Itoa(10000 + rand.IntN(20000))
	args, err := h.args(at)
	if err != nil {
		return Outcome{}, err
	}
	said, err := memoryFile()
	if err != nil {
		return Outcome{}, err
	}
	defer said.Close()
	server := exec.Command(h.Program, args...)
	server.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + at.dir}
	if h.env != nil {
		server.Env = append(server.Env, h.env(at)...)
	}
	server.Dir, server.Stdout, server.Stderr = at.dir, said, said
	server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := server.Start(); err != nil {
		return Outcome{}, err
	}
	defer func() {
		syscall.Kill(-server.Process.Pid, syscall.SIGTERM) // tlsify's children end with it
		syscall.Kill(-server.Process.Pid, syscall.SIGKILL)
		server.Wait()
	}()
	address := "127.0.0.1:" + at.port
	if err := awaitListener(ctx, address); err != nil {
		return Outcome{}, (&helper{said: said}).explain(err)
	}
	times := make([]float64, connections)
	began, busy := time.Now(), busyTicks()
	err = inParallel(clients, connections, func(i int) error {
		start := time.Now()
		err := l.visit(ctx, address)
		times[i] = milliseconds(time.Since(start))
		return err
	})
	took, busy := time.Since(began), busyTicks()-busy
	if err != nil {
		return Outcome{}, (&helper{said: said}).explain(err)
	}
	return Outcome{Values: quantilesOf(times, map[string]float64{
		"rate":    float64(connections) / took.Seconds(),
		"machine": float64(busy) / clockTicks * 1e3 / float64(connections),
	})}, nil
}

// visit is a connection, a handshake, and a line that comes back.
func (l *listenLoad) visit(ctx context.Context, address string) error {
	conn, err := (&tls.Dialer{Config: l.client}).DialContext(ctx, "tcp4", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(stallLimit))
	line := []byte("a line that is to come back, as it was sent\n")
	if _, err := conn.Write(line); err != nil {
		return err
	}
	if _, err := io.ReadFull(conn, line); err != nil {
		return fmt.Errorf("the line did not come back: %w", err)
	}
	return nil
}

func awaitListener(ctx context.Context, address string) error {
	for range 500 {
		if conn, err := net.Dial("tcp4", address); err == nil {
			conn.Close()
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	return errors.New("it does not listen")
}
