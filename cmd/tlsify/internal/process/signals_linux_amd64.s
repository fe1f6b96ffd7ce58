#include "textflag.h"

// onSignal is a signal handler, and no function of Go's: the kernel calls it, on
// the stack for signals, and restores every register behind it.
TEXT onSignal<>(SB), NOSPLIT|NOFRAME, $0
	MOVL DI, ·lastSignal(SB)
	MOVL ·signalBell(SB), DI
	LEAQ ·signalRing(SB), SI
	MOVL $8, DX
	MOVL $1, AX // write
	SYSCALL
	RET

DATA ·onSignalCode(SB)/8, $onSignal<>(SB)
GLOBL ·onSignalCode(SB), NOPTR, $8
