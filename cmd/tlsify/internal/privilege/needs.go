package privilege

// Needs is what a confined process still has to do beside carrying bytes
// between the descriptors that it has. The zero Needs is nothing.
type Needs struct {
	// Read are files, and directories with all that is in them or that
	// symbolic links in them lead to, that have to be readable. What is not
	// there is passed over.
	Read []string
	// Trees are directories that everyone may read all of. Where a link of Read's leads
	// to a file in one of them, that file's directory is readable as a whole.
	Trees []string
	// Whole are directories that have to be readable with all that is below them,
	// but not what links lead to. What is not there is passed over.
	Whole []string
	// Replace is a directory in which files have to be read, made, renamed and
	// removed. Empty: none. One that is not there is passed over.
	Replace string
	// Rewrite leaves what it takes to write a file of a descriptor anew, and to lock it.
	Rewrite bool
	// Unblock leaves the setting of a descriptor's flags, so that a socket can be handed
	// over that blocks.
	Unblock bool
	// Sockets leaves the making and connecting of sockets.
	Sockets bool
	// Signal is a descriptor of a process that has to be sent signals. 0: none.
	Signal int
	// Kill is the number of one, where there are no such descriptors: another
	// process may come to have it. 0: none.
	Kill int
	// Narrowed leaves what Narrow needs.
	Narrowed bool
}

// Reads tells whether files have to be opened.
func (n Needs) Reads() bool { return len(n.Read) > 0 || len(n.Whole) > 0 }
