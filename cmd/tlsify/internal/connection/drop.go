package connection

// stage is how far a connection's process has come, where there is something that
// it can do without from then on.
type stage int

const (
	whenProgramIs stage = iota // PROG's process has been started
	whenOpen                   // the network is there, and nothing has been read from it
	whenShaken                 // a server's engine has made its handshake, or failed
	whenJudged                 // the peer is who it should be, and bytes may move
)

// drop is all that this process gives up on its way, and when. What it gives up
// before is with package acquire (it is hardened, and descriptors that nobody
// named are closed), and what an account must not do with caller.Settle.
func (c *connection) drop(at stage) error {
	switch at {
	case whenProgramIs: // descriptors: what PROG has inherited, and 0 and 1, which are PROG's
		return c.inv.Claims.LeaveToProgram()
	case whenOpen: // files but the roots, new sockets but a second attempt's, other processes, most system calls
		return c.confine()
	case whenShaken: // descriptors: the streams to the signers
		c.inv.Keys.Close()
	case whenJudged: // files and sockets: the roots, and what dialled
		return c.confineFurther()
	}
	return nil
}
