// Package early has a program begin with one processor, from before most packages
// are initialised: with two the runtime wakes threads to look for more to do, and
// each processor comes to have memory of its own for every size of allocation, of
// which it takes a page or three to give one up again.
//
// It must import nothing: of the packages whose imports are initialised, the one
// with the first path comes next, and so this one before all that need a package
// behind its own path, such as unicode, which are most. It is for a program's package
// main alone, whose first lines decide what the program goes on with. Start reading at
// [Processors].
package early

import "runtime"

// Processors is how many the runtime had given itself. It has one from here on.
var Processors = runtime.GOMAXPROCS(1)
