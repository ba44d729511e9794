#!/usr/bin/python3
"""activate NAME=ADDRESS... -- COMMAND...: binds, as a service manager would, and executes the command in place.

ADDRESS is host:port or a path. The descriptors are 3 and up; LISTEN_FDS, LISTEN_FDNAMES and LISTEN_PID say so.
"""
import os
import socket
import sys


def bound(address):
    if address.startswith("/"):
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(address)
    else:
        host, _, port = address.rpartition(":")
        sock = socket.socket(socket.AF_INET)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, int(port)))
    sock.listen(512)
    return sock


def main():
    split = sys.argv.index("--")
    pairs = [word.split("=", 1) for word in sys.argv[1:split]]
    socks = [bound(address) for _, address in pairs]
    high = [os.dup2(sock.fileno(), 100 + i) for i, sock in enumerate(socks)]
    for sock in socks:
        sock.close()
    for i, fd in enumerate(high):
        os.dup2(fd, 3 + i, inheritable=True)
        os.close(fd)
    env = dict(os.environ, LISTEN_FDS=str(len(pairs)), LISTEN_FDNAMES=":".join(name for name, _ in pairs),
               LISTEN_PID=str(os.getpid()))
    os.execve(sys.argv[split + 1], sys.argv[split + 1:], env)


if __name__ == "__main__":
    main()
