"""without - starts a program on a kernel that lacks a system call: `without.py CALL PROGRAM ...`.

A filter answers that one call with ENOSYS. It stays in force in all that the program starts; who sets it is root, so the
program is not told of it by no_new_privs either.
"""
import ctypes
import os
import struct
import sys

CALLS = {"landlock_create_ruleset": 444,         # one number on all architectures
         "capset": {"x86_64": 126, "aarch64": 91}.get(os.uname().machine)}
PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, ERROR_ENOSYS = 0x7FFF0000, 0x00050000 | 38


def refuse(call):
    steps = [(LOAD, 0, 0, 0), (JUMP_IF_EQUAL, 0, 1, CALLS[call]), (RETURN, 0, 0, ERROR_ENOSYS), (RETURN, 0, 0, ALLOW)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("HP", len(steps), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "no filter")


refuse(sys.argv[1])
os.execvp(sys.argv[2], sys.argv[2:])
