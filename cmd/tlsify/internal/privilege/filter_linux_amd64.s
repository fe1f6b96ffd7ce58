#include "textflag.h"

// func filterAll(program *unix.SockFprog) int
TEXT ·filterAll(SB), NOSPLIT, $0-16
	MOVQ $157, AX // prctl
	MOVQ $38, DI  // PR_SET_NO_NEW_PRIVS
	MOVQ $1, SI
	MOVQ $0, DX
	MOVQ $0, R10
	MOVQ $0, R8
	SYSCALL
	CMPQ AX, $0
	JNE  end
	MOVQ $317, AX // seccomp
	MOVQ $1, DI   // SECCOMP_SET_MODE_FILTER
	MOVQ $1, SI   // SECCOMP_FILTER_FLAG_TSYNC
	MOVQ program+0(FP), DX
	SYSCALL

end:
	MOVQ AX, ret+8(FP)
	RET
