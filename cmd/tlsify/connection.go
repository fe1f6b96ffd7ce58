package main

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"tlsify/cmd/tlsify/internal/caller"
	"tlsify/cmd/tlsify/internal/control"
	"tlsify/cmd/tlsify/internal/dial"
	"tlsify/cmd/tlsify/internal/facts"
	"tlsify/cmd/tlsify/internal/option"
	"tlsify/cmd/tlsify/internal/program"
	"tlsify/cmd/tlsify/internal/sandbox"
	"tlsify/cmd/tlsify/internal/starttls"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine"
	"tlsify/engine/trustanchor"
	"tlsify/pump"
	"tlsify/stream"
)

// connection is one connect or accept, from the dialling to the end.
type connection struct {
	inv   *invocation
	say   *control.Channel
	at    phase
	facts facts.Facts

	dialed  string           // the address
	offered []trustanchor.ID // what the server says to have certificates of
	asked   trustanchor.ID   // what it was asked for by a second connection

	network *network
	exact   *pump.Exact // what the engine reads the network by, where the socket may be handed over
	clock   *clock      // of the handshake
	session engine.Session
	carrier pump.Carrier     // of session's bytes
	program *program.Program // PROG, once it runs
	ends    [2]int           // of the socketpair that may be handed over, ours first
	pair    *stream.FD       // our end of one that was
	away    bool             // the network's socket was: there is no more to do

	confinement *sandbox.Confinement // nil: --sandbox off
	entered     bool                 // it was
	measures    []string             // those of it that hold
	unconfined  error                // one of them must hold, and does not
	loose       bool                 // it leaves something that only the handshake takes
}

func newConnection(inv *invocation) *connection {
	return &connection{inv: inv, say: inv.control, network: inv.network}
}

// run takes the connection through its life in five steps and returns the
// exit status.
func (c *connection) run(ctx context.Context) int {
	for _, step := range []func(context.Context) error{c.open, c.ask, c.shake, c.ready} {
		err := step(ctx)
		if err == caller.ErrUnasked {
			return c.leftAlone(ctx, status.OK)
		}
		if err != nil {
			return c.failed(ctx, err)
		}
	}
	return c.stream(ctx)
}

// failed reports what ended the connection before it was ready.
func (c *connection) failed(ctx context.Context, err error) int {
	f := failureOf(err, c.at, c.certAsked())
	switch {
	case c.inv.delayed != nil && c.program != nil:
		report(c.inv, f)
		return c.leftAlone(ctx, c.inv.statusOf(f))
	case c.program != nil:
		c.program.Abandon()
	}
	report(c.inv, f)
	return c.inv.statusOf(f)
}

// open dials, unless the network was given.
func (c *connection) open(ctx context.Context) error {
	c.at = dialing
	if c.inv.prog != nil {
		program, err := program.Prepare(program.Plan{Args: c.inv.prog, In: c.inv.progIn, Out: c.inv.progOut,
			OneSocket: c.inv.form == option.Accept && c.inv.delayed == nil, Claims: c.inv.fds,
			Extra: c.inv.delayed.Descriptors(), Env: c.inv.progInherits(), Names: facts.ProgramVariables()})
		if err != nil {
			return err
		}
		c.program = program
		if err := c.inv.fds.LeaveToProgram(); err != nil {
			return err
		}
	}
	if err := c.preparePair(); err != nil {
		return err
	}
	c.prepareConfinement()
	if c.network != nil {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.inv.connectLimit, errConnectTimeout)
	defer cancel()
	target := c.inv.target
	target.Dialed = c.hasDialed
	target.ProxyTLS = c.inv.proxyTLS
	stream, err := dial.Dial(ctx, target)
	if err != nil {
		return err
	}
	c.network = networkOn(stream)
	return nil
}

// hasDialed tells where the connection leads to.
func (c *connection) hasDialed(address string) {
	c.dialed = address
	c.say.Say("dialed", address)
}

// handshake has the server come to TLS, where it must be asked, and the engine
// shake hands, both within one limit.
func (c *connection) handshake(ctx context.Context) (err error) {
	c.at = handshaking
	if err := c.refusal(pump.Prepare(c.kind(), c.network.conn)); err != nil {
		return err
	}
	if err := c.confine(); err != nil {
		return err
	}
	defer func() {
		if c.unconfined != nil {
			err = c.unconfined
		}
	}()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c.clock = startClock(c.inv.handshakeLimit, func() { cancel(errHandshakeTimeout) })
	defer c.clock.pause()
	if c.inv.starttls != "" {
		if err := starttls.Negotiate(ctx, c.network.conn, c.inv.starttls, c.inv.starttlsName); err != nil {
			return err
		}
	}
	stream := c.stepwise()
	if c.inv.form == option.Connect {
		config := *c.inv.client
		config.Verify, config.TrustAnchors = c.judge(ctx), c.anchors()
		if c.inv.session != nil && c.asked == "" {
			c.inv.session.offer(&config, c.inv.policy)
		}
		c.session, err = c.inv.engine.Client(ctx, stream, &config)
	} else {
		config := *c.inv.server
		config.Verify = c.judge(ctx)
		c.session, err = c.inv.engine.(engine.ServerEngine).Server(ctx, stream, &config)
		c.inv.keys.Close()
	}
	if failure := c.inv.keys.Failure(); failure != nil {
		return failure
	}
	return c.judgeUnread(err)
}

// ready starts PROG, if there is one, and says that bytes may move.
func (c *connection) ready(context.Context) (err error) {
	if err := c.learn(); err != nil {
		return err
	}
	if err := c.chooseCarrier(); err != nil {
		return err
	}
	environment := c.progEnvironment()
	measures, err := c.confineFurther()
	if err != nil {
		return err
	}
	if c.program != nil && c.inv.delayed == nil {
		if err := c.program.Start(environment); err != nil {
			return err
		}
	}
	if err := c.inv.tell.Ready(&c.facts); err != nil {
		return err
	}
	if err := c.inv.delayed.Ready(&c.facts); err != nil {
		return err
	}
	c.facts.Say(c.say)
	c.say.Say("sandbox", measures...)
	if err := c.handOver(); err != nil {
		return err
	}
	c.say.Say("ready")
	c.at = established
	return nil
}

// stream moves the bytes until the end and returns the exit status.
func (c *connection) stream(ctx context.Context) int {
	plan := pump.Plan{
		Carrier: c.carrier,
		Network: c.network,
		Linger:  c.inv.linger,
		Idle:    c.inv.idle,
		Report:  c.reportEnding,
		Close:   c.hear(),
	}
	if c.away {
		c.inv.session.save()
		return status.OK
	}
	if err := c.plaintext(&plan); err != nil {
		return c.failed(ctx, &pump.LocalError{Err: err})
	}
	err := pump.Run(ctx, plan)
	c.inv.session.save()
	exit := status.OK
	if err != nil {
		exit = failureOf(err, c.at, c.certAsked()).Status
	}
	if exit == status.Truncated && c.inv.tolerate {
		exit = status.OK
	}
	if c.program != nil {
		return c.program.Status(ctx, exit, c.inv.linger)
	}
	return exit
}

// plaintext is where a plan's bytes come from and go to, and how those end.
func (c *connection) plaintext(plan *pump.Plan) (err error) {
	switch {
	case c.program != nil:
		plan.In, plan.Out, plan.Prog = c.program.FromProg, c.program.ToProg, true
	case c.pair != nil:
		plan.In, plan.Out = c.pair, c.pair
	default:
		if plan.In, err = stream.NewFD(0); err == nil {
			plan.Out, err = stream.NewFD(1)
		}
		if err != nil {
			return err
		}
	}
	one, server := stream.SameSocket(plan.In, plan.Out), c.inv.form == option.Accept
	plan.Answer = one || server || c.program != nil
	// Whoever shuts one direction of a socket down means it, and a server has
	// said all; but most servers take a client's close_notify for its leaving.
	halfClose := server || one && c.facts.State.Version >= engine.TLS13
	plan.HoldEOF = c.inv.eof == eofHold || c.inv.eof == eofAuto && !halfClose
	if c.inv.eof == eofAuto {
		plan.EOFWait = c.inv.eofWait
	}
	return nil
}

// reportEnding puts the endings of the stream on the control channel.
func (c *connection) reportEnding(event pump.Event, err error) {
	switch event {
	case pump.ClosedPeer:
		c.say.Say("closed", "peer")
	case pump.ClosedLocal:
		c.say.Say("closed", "local")
	case pump.Truncated, pump.TruncatedAfter:
		c.say.Say("truncated")
		if !c.inv.tolerate {
			f := failureOf(err, c.at, c.certAsked())
			f.Text += map[pump.Event]string{
				pump.Truncated:      ", and before ours; where the protocol itself says that all has come, --tolerate-truncation takes that for an end",
				pump.TruncatedAfter: ", behind ours, which it may have taken for our leaving; --eof hold sends that only when the peer has ended",
			}[event]
			report(c.inv, f)
		}
	case pump.Failed:
		report(c.inv, failureOf(err, c.at, c.certAsked()))
	}
}

// certAsked tells whether we are a client that has shaken hands and whose server
// asked for a certificate: alerts about certificates are then about ours.
func (c *connection) certAsked() bool {
	return c.inv.form == option.Connect && c.session != nil && c.session.State().ClientCertRequested
}

// hear listens for commands, and returns what is closed by the command close.
func (c *connection) hear() <-chan struct{} {
	if !c.say.CanHear() {
		return nil
	}
	closing := make(chan struct{})
	go func() {
		closed := false
		for {
			line, err := c.say.ReadLine(time.Time{})
			if errors.Is(err, io.EOF) || err != nil {
				return
			}
			switch {
			case line != "close":
				c.say.Say("unknown", firstWord(line))
			case !closed:
				closed = true
				close(closing)
			}
		}
	}()
	return closing
}

// clock runs out once, after a time in which pauses do not count.
type clock struct {
	mu      sync.Mutex
	timer   *time.Timer
	left    time.Duration
	started time.Time
}

func startClock(limit time.Duration, out func()) *clock {
	return &clock{timer: time.AfterFunc(limit, out), left: limit, started: time.Now()}
}

func (c *clock) pause() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer.Stop() {
		c.left -= time.Since(c.started)
	}
}

func (c *clock) resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.started = time.Now()
	c.timer.Reset(max(c.left, time.Millisecond))
}
