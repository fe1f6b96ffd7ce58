package main

import (
	"context"
	"net"
	"net/http"
	"strings"
	"time"
)

// server is a row of the table. In its words, files and variables, {name}
// stands for a value of the site's.
type server struct {
	name    string
	version []string          // the command that prints it
	run     []string          // the command that serves
	files   map[string]string // what it reads, by name in {dir}
	env     []string
	modules []string // what Python must be able to import
	only13  bool
	// silent servers never send a close_notify: status 6 is what is true of
	// them.
	silent bool
	// serve is a server of this program's own, in Go.
	serve func(l net.Listener, s *site)
}

// pages are the replies, by path. The big one is more than the buffers on the
// way hold.
var pages = map[string][]byte{
	"/small": []byte("hello\n"),
	"/slow":  []byte("sorry\n"),
	"/big":   []byte(strings.Repeat("all the way\n", 250_000)),
}

// slow is how long a slow reply takes.
const slow = 300 * time.Millisecond

// replyUnlessGone is one that works for its client alone.
func replyUnlessGone(w http.ResponseWriter, q *http.Request) {
	after := time.Duration(0)
	if q.URL.Path == "/slow" {
		after = slow
	}
	ctx, cancel := context.WithTimeout(q.Context(), after)
	defer cancel()
	<-ctx.Done()
	if q.Context().Err() != nil {
		panic(http.ErrAbortHandler)
	}
	writePage(w, q)
}
