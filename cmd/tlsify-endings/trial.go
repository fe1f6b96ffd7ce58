package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// client is a way to ask.
type client struct {
	name string
	eof  string // of tlsify; empty: the default
	wget bool   // BusyBox, to which tlsify is openssl
}

var clients = []client{{name: "auto"}, {name: "half-close", eof: "half-close"}, {name: "hold", eof: "hold"}, {name: "BusyBox wget", wget: true}}

// page is a reply that is asked for.
type page struct{ path, name string }

var asked = []page{{"/small", "small"}, {"/slow", "slow"}, {"/big", "3 MB"}}

// result is what came of one request.
type result struct {
	reply  string // whole, cut, empty, or other
	status int
	waited bool // for longer than the limit
	took   time.Duration
	said   string // on descriptor 2
}

// row is a server, a version of TLS and a page, by every client.
type row struct {
	server  server
	version string // of the server
	tls     string
	page    string
	cells   map[string][]result
	failure string // why there are none
}

// try asks a server for everything.
func (h *house) try(ctx context.Context, s server, o options) (rows []row) {
	version := h.versionOf(s)
	for _, protocol := range []string{"1.3", "1.2"} {
		if s.only13 && protocol != "1.3" {
			continue
		}
		t, err := h.start(ctx, s, protocol)
		if err != nil {
			rows = append(rows, row{server: s, version: version, tls: protocol, failure: err.Error()})
			continue
		}
		for _, p := range asked {
			r := row{server: s, version: version, tls: protocol, page: p.name, cells: map[string][]result{}}
			for _, c := range clients {
				if _, err := exec.LookPath("busybox"); c.wget && err != nil || o.auto && c.name != "auto" {
					continue
				}
				for n := range o.tries {
					r.cells[c.name] = append(r.cells[c.name], h.ask(ctx, t, c, p, n, o.limit))
				}
			}
			fmt.Fprintln(os.Stderr, r.line())
			rows = append(rows, r)
		}
		t.stop()
	}
	return rows
}

// ask makes one request, by HTTP/1.0 and 1.1 in turn.
func (h *house) ask(ctx context.Context, t *site, c client, p page, turn int, limit time.Duration) result {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var out, said bytes.Buffer
	var cmd *exec.Cmd
	if c.wget {
		cmd = exec.CommandContext(ctx, "busybox", "wget", "-q", "-O", "-", "https://"+t.address+p.path)
		cmd.Env = append(os.Environ(), "PATH="+h.dir+"/names:"+os.Getenv("PATH"), "SSL_CERT_FILE="+h.values["ca"])
	} else {
		args := []string{"--trust", h.values["ca"]}
		if c.eof != "" {
			args = append(args, "--eof", c.eof)
		}
		cmd = exec.CommandContext(ctx, h.values["tlsify"], append(args, t.address)...)
		request := "GET " + p.path + " HTTP/1." + strconv.Itoa(turn%2) + "\r\nHost: localhost\r\n"
		if turn%2 == 1 {
			request += "Connection: close\r\n"
		}
		cmd.Stdin = strings.NewReader(request + "\r\n")
	}
	cmd.Stdout, cmd.Stderr = &out, &said
	cmd.WaitDelay = time.Second
	began := time.Now()
	err := cmd.Run()
	r := result{took: time.Since(began), waited: ctx.Err() != nil}
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		r.status = exit.ExitCode()
	} else if err != nil {
		r.status = -1
	}
	r.said = strings.Join(strings.Fields(said.String()), " ")
	r.reply = judge(out.Bytes(), pages[p.path], c.wget)
	return r
}

// judge compares what came with the page, in a reply or by itself.
func judge(came, page []byte, alone bool) string {
	switch {
	case len(came) == 0:
		return "empty"
	case alone && bytes.Equal(came, page):
		return "whole"
	case alone:
		return "cut"
	}
	reply, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(came)), nil)
	if err != nil {
		return "cut"
	}
	body, err := io.ReadAll(reply.Body)
	switch {
	case reply.StatusCode != http.StatusOK:
		return strconv.Itoa(reply.StatusCode)
	case err != nil || !bytes.Equal(body, page):
		return "cut"
	}
	return "whole"
}
