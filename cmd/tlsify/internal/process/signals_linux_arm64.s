#include "textflag.h"

// onSignal is a signal handler, and no function of Go's: the kernel calls it, on
// the stack for signals, and restores every register behind it.
TEXT onSignal<>(SB), NOSPLIT|NOFRAME, $0
	MOVW R0, ·lastSignal(SB)
	MOVW ·signalBell(SB), R0
	MOVD $·signalRing(SB), R1
	MOVD $8, R2
	MOVD $64, R8 // write
	SVC
	RET

DATA ·onSignalCode(SB)/8, $onSignal<>(SB)
GLOBL ·onSignalCode(SB), NOPTR, $8
