package connection

import (
	"context"
	"strings"
	"time"

	"tlsify/cmd/tlsify/internal/acquire"
	"tlsify/cmd/tlsify/internal/caller"
	"tlsify/cmd/tlsify/internal/dial"
	"tlsify/cmd/tlsify/internal/facts"
	"tlsify/cmd/tlsify/internal/invocation"
	"tlsify/cmd/tlsify/internal/process"
	"tlsify/cmd/tlsify/internal/program"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine"
	"tlsify/pump"
	"tlsify/stream"
)

// Run takes a connection through its life in five steps and returns the exit
// status. Who has called us by another name is told of them.
func Run(ctx context.Context, inv *acquire.Resources, who caller.Caller) int {
	return newConnection(inv, who).run(ctx)
}

func (c *connection) run(ctx context.Context) int {
	if c.inv.Door != 0 {
		switch err := c.comeIn(ctx); {
		case err == errUnneeded:
			c.program.Abandon()
			return status.OK
		case err != nil:
			return c.failed(ctx, err)
		}
	}
	unlimited := ctx
	if limit := c.inv.Limits.Total; limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, errTimeout)
		defer cancel()
	}
	if c.inv.Inspect != "" {
		return c.inspect(ctx)
	}
	for _, step := range []func(context.Context) error{c.open, c.ask, c.shake, c.ready} {
		err := step(ctx)
		if err == caller.ErrUnasked {
			return c.leftAlone(ctx, status.OK)
		}
		if err != nil {
			return c.failed(ctx, err)
		}
	}
	return c.stream(ctx, unlimited)
}

// failed reports what ended the connection before it was ready.
func (c *connection) failed(ctx context.Context, err error) int {
	f := Blame(err, c.at, c.certAsked())
	f.Text += c.offer(err)
	switch {
	case c.caller.Delayed != nil && c.program != nil:
		c.inv.Say.Failure(f)
		return c.leftAlone(ctx, c.inv.Status(f))
	case c.program != nil:
		c.program.Abandon()
	}
	c.inv.Say.Failure(f)
	return c.inv.Status(f)
}

// prepare does what takes no network: PROG's process is started, and this one
// gets ready to be confined.
func (c *connection) prepare() (err error) {
	c.at = Dialing
	if c.inv.Program.Args != nil {
		if c.program, err = c.prepareProgram(); err != nil {
			return err
		}
		if err := c.drop(whenProgramIs); err != nil {
			return err
		}
		if err := c.caller.Started(); err != nil {
			return err
		}
	}
	if err := c.preparePair(); err != nil {
		return err
	}
	if c.program == nil {
		stream.KeepUrgent(0)
	}
	c.prepareConfinement()
	return nil
}

// prepareProgram starts the process that is to become PROG, unless our listener
// starts PROG.
func (c *connection) prepareProgram() (*program.Program, error) {
	p := c.inv.Program
	if c.door != nil && p.Errors == 0 {
		return program.Asked(p.Args[0], c.door)
	}
	return program.Prepare(program.Plan{Args: p.Args, In: p.In, Out: p.Out, End: p.End,
		OneSocket: p.In == p.Out || c.inv.Form.Accepts() && c.caller.Delayed == nil, Claims: c.inv.Claims,
		Extra: c.caller.Delayed.Descriptors(), Errors: p.Errors, Env: c.caller.Without(c.inherits()), Names: append(facts.ProgramVariables(), c.caller.Variables()...)})
}

// open dials, unless the network is there.
func (c *connection) open(ctx context.Context) error {
	if c.inv.Door == 0 {
		if err := c.prepare(); err != nil {
			return err
		}
	}
	if c.network != nil {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.inv.Limits.Connect, errConnectTimeout)
	defer cancel()
	target := c.inv.Target
	target.Dialed = c.hasDialed
	target.ProxyTLS = c.proxyTLS
	stream, err := dial.Dial(ctx, target)
	if err != nil {
		return err
	}
	c.network = networkOn(stream)
	return nil
}

// handshake has the server come to TLS, where it must be asked, and the engine
// shake hands, both within one limit.
func (c *connection) handshake(ctx context.Context) (err error) {
	c.at = Handshaking
	c.facts.SentName = c.inv.TLS.ServerName
	c.caller.Teller.Begun(&c.facts)
	if err := c.refusal(pump.Prepare(c.kind(), c.network.conn)); err != nil {
		return err
	}
	if err := c.drop(whenOpen); err != nil {
		return err
	}
	defer func() {
		if c.confineErr != nil {
			err = c.confineErr
		}
	}()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c.clock = startClock(c.inv.Limits.Handshake, func() { cancel(errHandshakeTimeout) })
	defer c.clock.pause()
	if c.inv.Starttls.Protocol != "" {
		if err := dial.Starttls(ctx, c.network.conn, c.inv.Starttls.Protocol, c.startName()); err != nil {
			return err
		}
	}
	c.heard.Store(false)
	c.network.in.OnPart(func() { c.heard.Store(true) })
	stream := c.engineStream()
	if c.inv.Form.Connects() {
		config := *c.inv.Client
		config.Verify, config.TrustAnchors = c.judge(ctx), c.anchors()
		config.NoLateRequest = c.kind() == pump.Kernel
		if c.kept != nil && c.asked == "" {
			c.kept.offer(&config, c.inv.Policy)
		}
		if c.inv.Inspect != "" {
			c.noteTickets(&config)
		}
		c.session, err = c.inv.Engine.Client(ctx, stream, &config)
		if alerted(err) || hungUp(err) {
			c.kept.forget()
		}
	} else {
		config := *c.inv.Server
		config.Verify, config.Resumes = c.judge(ctx), c.takes
		c.session, err = c.inv.Engine.(engine.ServerEngine).Server(ctx, stream, &config)
		c.drop(whenShaken)
	}
	if failure := c.inv.Keys.Failure(); failure != nil {
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
	if err := c.drop(whenJudged); err != nil {
		return err
	}
	if c.program != nil && c.caller.Delayed == nil {
		if err := c.program.Start(c.progEnvironment()); err != nil {
			return err
		}
	}
	if err := c.caller.Teller.Ready(&c.facts); err != nil {
		return err
	}
	if err := c.caller.Delayed.Ready(&c.facts); err != nil {
		return err
	}
	c.facts.Say(c.say)
	c.say.Say("sandbox", c.measures...)
	if err := c.handOver(); err != nil {
		return err
	}
	if c.facts.Unverified != nil && c.say == nil && !c.inv.Say.Muted {
		status.Write("tlsify: going on, and the server is not verified (" + strings.Join(c.facts.Unverified, ", ") + ")")
	}
	c.say.Say("ready")
	for _, line := range c.facts.ForPeople(c.dialed) {
		c.inv.Say.Note(line)
	}
	c.noteCert()
	c.at = Established
	return nil
}

// stream moves the bytes until the end and returns the exit status. Unlimited
// is ctx without --timeout, which is for the stream: PROG may outlive that.
func (c *connection) stream(ctx, unlimited context.Context) int {
	if c.handedAway { // and no command is for us any more
		c.kept.save()
		return status.OK
	}
	plan := pump.Plan{
		Carrier: c.carrier,
		Network: c.network,
		Linger:  c.inv.Stream.Linger,
		Idle:    c.inv.Stream.Idle,
		Report:  c.reportEnding,
		Close:   c.hear(),
		Busy:    process.AllProcessors,
		Heard:   func() { c.spoken.Store(true) },
	}
	if c.caller.Leaves {
		plan.LeaveAfter = leaveAfter
	}
	if err := c.plaintext(&plan); err != nil {
		return c.failed(ctx, &pump.LocalError{Err: err})
	}
	c.out = plan.Out
	err := pump.Run(ctx, plan)
	if err == errTimeout { // of which the pump does not know
		c.inv.Say.Failure(Blame(err, c.at, c.certAsked()))
	}
	c.kept.ended(err)
	exit := status.OK
	if err != nil && !c.hasLeft(err) {
		exit = Blame(err, c.at, c.certAsked()).Status
	}
	if exit == status.Truncated && c.inv.Stream.Tolerate {
		exit = status.OK
	}
	if c.program == nil {
		return exit
	}
	if err != errTimeout { // the stream has ended within it
		ctx = unlimited
	}
	return c.program.Status(ctx, exit, c.inv.Stream.Linger)
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
		prompt(plan.In, plan.Out)
	}
	one, server := stream.SameSocket(plan.In, plan.Out), c.inv.Form.Accepts()
	plan.Answer = one || server || c.program != nil || c.caller.TakeFIN
	// Whoever shuts one direction of a socket down means it, and a server has
	// said all; but most servers take a client's close_notify for its leaving.
	halfClose := server || one && c.facts.State.Version >= engine.TLS13
	plan.HoldEOF = c.inv.Stream.EOF == invocation.EOFHold || c.inv.Stream.EOF == invocation.EOFAuto && !halfClose
	if c.inv.Stream.EOF == invocation.EOFAuto {
		plan.EOFWait = c.inv.Stream.EOFWait
	}
	plan.TakeFIN = c.caller.TakeFIN
	if c.caller.ByFIN {
		plan.EndByFIN, plan.Answer, plan.HoldEOF = c.network.end, true, false
	}
	return nil
}

// takenForLeaving is said of a close_notify of ours behind which the stream was cut.
const takenForLeaving = "may have taken our close_notify for our leaving; --eof hold sends that only when the peer has ended"

// reportEnding puts the endings of the stream on the control channel.
func (c *connection) reportEnding(event pump.Event, err error) {
	switch event {
	case pump.ClosedPeer:
		c.program.TellEnd("closed peer")
		c.say.Say("closed", "peer")
	case pump.ClosedLocal:
		c.closed = true
		c.say.Say("closed", "local")
	case pump.Truncated, pump.TruncatedAfter:
		c.program.TellEnd("truncated")
		c.say.Say("truncated")
		if !c.inv.Stream.Tolerate && !c.hasLeft(err) {
			f := Blame(err, c.at, c.certAsked())
			switch {
			case event == pump.Truncated:
				f.Text += ", and before ours; where the protocol itself says that all has come, --tolerate-truncation takes that for an end"
			case c.inv.Form.Connects():
				f.Text += ", behind ours; it " + takenForLeaving
			default: // as Python's clients do when they have their answer
				f.Text += ", behind ours; if it had all that it wanted, --tolerate-truncation takes that for an end; else it " + takenForLeaving
			}
			f.Text += c.silently()
			c.inv.Say.Failure(f)
		}
	case pump.Failed:
		if c.hasLeft(err) {
			return
		}
		f := Blame(err, c.at, c.certAsked())
		switch why := c.silently(); {
		case is[*engine.TransportError](err):
			if c.closed { // a peer that ends with our close_notify unread resets
				f.Text += ", behind our close_notify" + c.howTaken()
			}
			f.Text += why
		case why != "" && is[*engine.PeerError](err):
			// Mbed TLS's servers of TLS 1.3 protect an alert about it with the handshake's keys.
			f.Text += why + ", with an alert that nobody can read"
		case f.Code == "tls-alert":
			f.Text += why
		case f.Code == "renegotiation" && c.inv.Form.Connects():
			f.Text += "; a server that wants a client certificate has to ask in its first handshake"
		}
		c.program.TellEnd("error " + f.Code)
		c.inv.Say.Failure(f)
	}
}

// howTaken says what a peer that resets may have made of our close_notify. It was no
// leaving where our side had left, as a PROG that has answered, and is not held back then.
func (c *connection) howTaken() string {
	if c.inv.Stream.EOF == invocation.EOFHold || c.out.IsGone() {
		return "; it may have had all that it wanted"
	}
	return "; the peer " + takenForLeaving
}

// silently says, of a stream that was cut, reset or ended by an alert about something else,
// what may be behind it: under TLS 1.3 a client hears only then what its server thinks of
// its certificate, and Python's asyncio hangs up without an alert. A server that has sent something of the stream has
// taken the client's certificate, or the lack of one: none that we know of says anything
// before.
func (c *connection) silently() string {
	if !c.certAsked() || c.spoken.Load() || c.facts.State.Version < engine.TLS13 {
		return ""
	}
	return mayHaveRefused
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
			if err != nil {
				return
			}
			switch {
			case line == "rekey":
				c.rekey()
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

// rekey has a KeyUpdate sent, and says so. It may have to wait for the peer, and
// commands do not wait for it; one that comes meanwhile is answered with it.
func (c *connection) rekey() {
	if c.rekeying.Add(1) > 1 {
		return
	}
	go func() {
		err := pump.Rekey(c.carrier)
		for range c.rekeying.Swap(0) {
			if err != nil {
				c.say.SayText("rekey-refused", string(c.carrier.Name()), err.Error())
			} else {
				c.say.Say("rekeyed")
			}
		}
	}()
}
