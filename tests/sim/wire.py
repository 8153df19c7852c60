"""A TCP line of any protocol that breaks at a given byte."""
import socket
import threading


class Wire:
    def __init__(self, port):
        self.target = port
        self.said = 0  # bytes that clients said, over all connections
        self.cuts = 0
        self.left = None  # bytes until it breaks; None never
        self.loses_answers = False
        self.is_mute = False
        self.lock = threading.Lock()
        self.ends = []
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_after(self, count, answers=True):
        """
        Break when clients have said so many bytes more; None: don't.

        answers  False: what the server answers to these bytes is awaited, and lost
        """
        with self.lock:
            self.left, self.loses_answers = count, not answers

    def cut(self):
        with self.lock:
            ends, self.ends = self.ends, []
            self.left, self.is_mute = None, False
            self.cuts += 1
        for end in ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
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
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                if self.listener.fileno() < 0:
                    return
                client.close()
                continue
            with self.lock:
                self.ends += [client, server]
            threading.Thread(target=self._speak, args=(client, server), daemon=True).start()
            threading.Thread(target=self._answer, args=(server, client), daemon=True).start()

    def _take(self, data):
        """How much of it goes through, and whether the line breaks behind it."""
        with self.lock:
            if self.left is None or len(data) < self.left:
                if self.left is not None:
                    self.left -= len(data)
                self.said += len(data)
                return data, False
            data = data[:self.left]
            self.left = None
            self.said += len(data)
            self.is_mute = self.loses_answers
            return data, True

    def _speak(self, client, server):
        try:
            while True:
                data = client.recv(65536)
                if not data:
                    break
                data, is_last = self._take(data)
                server.sendall(data)
                if is_last and self.is_mute:
                    threading.Timer(0.3, self._cut_if_mute).start()
                elif is_last:
                    self.cut()
        except OSError:
            pass
        self._end(client, server)

    def _cut_if_mute(self):
        if self.is_mute:
            self.cut()

    def _answer(self, server, client):
        try:
            while True:
                data = server.recv(65536)
                if not data:
                    break
                if self.is_mute:
                    self.cut()
                    break
                client.sendall(data)
        except OSError:
            pass
        self._end(client, server)

    @staticmethod
    def _end(*ends):
        for end in ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
