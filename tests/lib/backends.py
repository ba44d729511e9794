"""backends - what stands behind the gateway: a scripted one that knows every byte, and a real nginx."""
import os
import signal
import socket
import struct
import subprocess
import threading

import procs
import wire


class Conn:
    """One connection that the gateway made: read() and send() for a script, .raw for the test."""

    def __init__(self, sock, number):
        self.sock = sock
        self.number = number
        self.reader = wire.Reader(sock)
        self.requests = []

    def enter(self, context):
        self.sock = context.wrap_socket(self.sock, server_side=True)
        self.reader = wire.Reader(self.sock)
        # Kept, since a closed socket tells no more of it.
        self.tls_version, self.is_resumed = self.sock.version(), self.sock.session_reused
        self.alpn, self.client_cert = self.sock.selected_alpn_protocol(), self.sock.getpeercert()

    @property
    def raw(self):
        return bytes(self.reader.raw)

    def read_request(self):
        """The next request whole; None when the gateway closed between two."""
        try:
            request = self.reader.request()
        except wire.Cut as cut:
            if cut.got:
                raise
            return None
        self.requests.append(request)
        return request

    def read_head(self):
        request = self.reader.head()
        self.requests.append(request)
        return request

    def send(self, data):
        self.sock.sendall(data)

    def close(self):
        self.sock.close()

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


def always(data):
    """A script: every request of every connection gets these bytes (or what data(request) returns)."""
    def script(conn):
        while (request := conn.read_request()) is not None:
            conn.send(data(request) if callable(data) else data)
    return script


def once(data, then=None):
    """A script: the first request gets these bytes, then the connection is closed (or then(conn) goes on)."""
    def script(conn):
        conn.read_request()
        conn.send(data)
        if then:
            then(conn)
    return script


def echo(request):
    """For always(): the body comes back, the head beside it as X-Seen-*."""
    return wire.answer(fields=[("X-Seen-Start", request.start), ("X-Seen-Framing", request.framing)],
                       body=b"" if request.method == "HEAD" else request.body)


class RawBackend:
    """Listens on loopback; each connection runs script(conn) in a thread of its own. Errors of scripts are kept:
    a script that met the gateway's close is no error, anything else fails the test at its end."""

    def __init__(self, script=None, host="127.0.0.1", port=0, path=None, tls=None):
        self.script = script or always(echo)
        self.conns = []
        self.errors = []
        self.tls = tls
        self.lock = threading.Lock()
        if path:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(path)
        else:
            self.listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.bind((host, port))
            self.port = self.listener.getsockname()[1]
        self.listener.listen(512)
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(30)
            with self.lock:
                conn = Conn(sock, len(self.conns) + 1)
                self.conns.append(conn)
            threading.Thread(target=self.run, args=(conn,), daemon=True).start()

    def run(self, conn):
        try:
            if self.tls:                # a context of ssl's: the script runs inside
                conn.enter(self.tls)
            self.script(conn)
        except (OSError, wire.Cut):
            pass                        # the gateway closed: tests look at what came
        except Exception as error:      # pylint: disable=broad-except
            self.errors.append(error)
        finally:
            conn.close()

    @property
    def requests(self):
        """All requests so far, over all connections, in the order of connections."""
        return [request for conn in list(self.conns) for request in conn.requests]

    @property
    def raw(self):
        return b"".join(conn.raw for conn in list(self.conns))

    def stop_listening(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()

    def end(self):
        self.stop_listening()
        for conn in self.conns:
            try:
                conn.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            conn.close()
        self.thread.join(5)
        assert not self.errors, self.errors


NGINX = """\
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
load_module /usr/lib/nginx/modules/ngx_http_echo_module.so;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    default_type application/octet-stream;
    types {{ text/plain txt; text/html html; }}
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 300m;
    keepalive_requests 1000000;
    keepalive_timeout 60s;
    root {folder}/files;
    server {{
        listen 127.0.0.1:{port} backlog=1024 {listen};
        location / {{ }}
        location /echo {{ echo_read_request_body; echo_request_body; }}
        location /store/ {{ dav_methods PUT DELETE; create_full_put_path on; }}
        location /chunked/ {{ echo_duplicate 4096 "0123456789abcdef"; echo_flush; echo "end"; }}
        location /empty {{ return 204; }}
        location /moved {{ return 302 /1k.txt; }}
        location /gone {{ return 410 "gone\\n"; }}
        {more}
    }}
}}
"""


class Nginx:
    """Debian's nginx in front, in a folder of its own: files, echo of bodies, PUT, chunked answers, ranges."""

    def __init__(self, folder, port, more="", listen=""):
        self.folder = str(folder)
        self.port = port
        os.makedirs(f"{self.folder}/files/store", exist_ok=True)
        conf = f"{self.folder}/nginx.conf"
        user = "user root;" if os.getuid() == 0 else ""
        with open(conf, "w", encoding="ascii") as file:
            file.write(NGINX.format(folder=self.folder, port=port, more=more, listen=listen, user=user))
        self.process = None
        self.start()

    def start(self):
        self.process = procs.start(["/usr/sbin/nginx", "-p", self.folder, "-c", f"{self.folder}/nginx.conf", "-e", f"{self.folder}/start.log"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert procs.wait_for(self.is_up), self.log()

    def pids(self):
        return procs.tree(self.process.pid)

    def kill(self):
        """All of it at once, as a machine that loses its power."""
        for pid in self.pids():
            os.kill(pid, signal.SIGKILL)
        self.process.wait(10)

    def is_up(self):
        return procs.is_open(self.port)

    def log(self):
        text = ""
        for name in ("start.log", "error.log"):
            try:
                with open(f"{self.folder}/{name}", encoding="utf-8", errors="replace") as file:
                    text += file.read()
            except OSError:
                pass
        return text

    def file(self, name, content):
        path = f"{self.folder}/files/{name}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def end(self):
        procs.end(self.process, signal.SIGTERM)
