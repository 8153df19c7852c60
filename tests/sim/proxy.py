"""A TCP proxy between drayd and a broker that makes the line bad."""
import socket
import threading

CONNACK_REFUSED_LEVEL = b"\x20\x02\x00\x01"  # unacceptable protocol version, as 3.1.1 brokers say


def connect_level(packet):
    """The protocol level of a CONNECT packet; None when there is not enough of it yet."""
    at = 1
    while at < len(packet) and packet[at] & 0x80:
        at += 1
    at += 1
    if len(packet) < at + 2:
        return None
    level_at = at + 2 + int.from_bytes(packet[at:at + 2], "big")
    return packet[level_at] if level_at < len(packet) else None


class Proxy:
    """
    refuse_v5  answer a CONNECT of MQTT 5 as a broker that knows only 3.1.1
    small      shrink the buffers towards the client, so that its writes become partial
    """

    def __init__(self, port, refuse_v5=False, small=False):
        self.target = port
        self.refuse_v5 = refuse_v5
        self.refused = 0
        self.flowing, self.answering = threading.Event(), threading.Event()
        self.flowing.set()
        self.answering.set()
        self.is_shut = False
        self.pairs = []
        self.listener = socket.socket()
        if small:
            # Inherited by accepted sockets; the smallest the kernel grants.
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        self.chunk = 512 if small else 65536
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def stall(self):
        """Read nothing more from the client until resume()."""
        self.flowing.clear()

    def mute(self):
        """Let what the client sends through, and no answer back, until resume()."""
        self.answering.clear()

    def resume(self):
        self.flowing.set()
        self.answering.set()

    def shut(self):
        """Break every connection, and take no new one until open()."""
        self.is_shut = True
        self.cut()

    def open(self):
        self.is_shut = False

    def cut(self):
        """Break every connection."""
        for pair in self.pairs:
            for end in pair:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self.pairs = []

    def close(self):
        self.resume()
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.cut()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        first = b""
        try:
            while connect_level(first) is None:
                piece = client.recv(4096)
                if not piece:
                    client.close()
                    return
                first += piece
            if self.refuse_v5 and connect_level(first) == 5:
                self.refused += 1
                client.sendall(CONNACK_REFUSED_LEVEL)
                client.close()
                return
            if self.is_shut:
                client.close()
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            server.sendall(first)
        except OSError:
            client.close()
            return
        self.pairs.append((client, server))
        threading.Thread(target=self._pump, args=(server, client, self.answering), daemon=True).start()
        self._pump(client, server, self.flowing)

    def _pump(self, source, sink, gate):
        try:
            while True:
                gate.wait()
                data = source.recv(self.chunk)
                if not data:
                    break
                gate.wait()
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
