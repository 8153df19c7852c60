"""A broker that accepts every connection, grants what it is told to grant, and says no more."""
import socket
import struct
import threading

SESSION_EXPIRY, RECEIVE_MAXIMUM, MAXIMUM_QOS = 0x11, 0x21, 0x24  # MQTT 5, section 2.2.2.2


class StingyBroker:
    def __init__(self, session_expiry=None, receive_maximum=None, maximum_qos=None):
        properties = b""
        if session_expiry is not None:
            properties += struct.pack(">BI", SESSION_EXPIRY, session_expiry)
        if receive_maximum is not None:
            properties += struct.pack(">BH", RECEIVE_MAXIMUM, receive_maximum)
        if maximum_qos is not None:
            properties += struct.pack(">BB", MAXIMUM_QOS, maximum_qos)
        body = b"\0\0" + bytes([len(properties)]) + properties
        self.connack = b"\x20" + bytes([len(body)]) + body
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client = self.socket.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client:
            try:
                if client.recv(4096):
                    client.sendall(self.connack)
                while client.recv(4096):
                    pass
            except OSError:
                pass

    def close(self):
        self.socket.close()
