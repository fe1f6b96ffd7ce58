#include "textflag.h"

// func filterAll(program *unix.SockFprog) int
TEXT ·filterAll(SB), NOSPLIT, $0-16
	MOVD $167, R8 // prctl
	MOVD $38, R0  // PR_SET_NO_NEW_PRIVS
	MOVD $1, R1
	MOVD $0, R2
	MOVD $0, R3
	MOVD $0, R4
	SVC
	CMP  $0, R0
	BNE  end
	MOVD $277, R8 // seccomp
	MOVD $1, R0   // SECCOMP_SET_MODE_FILTER
	MOVD $1, R1   // SECCOMP_FILTER_FLAG_TSYNC
	MOVD program+0(FP), R2
	SVC

end:
	MOVD R0, ret+8(FP)
	RET
