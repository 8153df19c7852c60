"""Certificates made on the fly: a private CA, a server for 127.0.0.1, a client."""
import os
import subprocess


class Certificates:
    def __init__(self, folder):
        self.folder = os.path.join(str(folder), "tls")
        os.makedirs(self.folder)
        self.ca = self._file("ca.pem")
        self.server_cert, self.server_key = self._file("server.pem"), self._file("server.key")
        self.client_cert, self.client_key = self._file("client.pem"), self._file("client.key")
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                      "-nodes", "-days", "2", "-subj", "/CN=dray test CA",
                      "-keyout", self._file("ca.key"), "-out", self.ca)
        self._issue("server", "127.0.0.1", "subjectAltName=IP:127.0.0.1,DNS:localhost")
        self._issue("client", "drayd", "extendedKeyUsage=clientAuth")

    def _issue(self, name, common_name, extension):
        key, request, cert = (self._file(name + end) for end in (".key", ".csr", ".pem"))
        extensions = self._file(name + ".ext")
        with open(extensions, "w") as out:
            out.write(extension + "\n")
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                      "-subj", "/CN=" + common_name, "-keyout", key, "-out", request)
        self._openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey",
                      self._file("ca.key"), "-CAcreateserial", "-days", "2", "-extfile",
                      extensions, "-out", cert)
        os.chmod(key, 0o600)

    def _file(self, name):
        return os.path.join(self.folder, name)

    def _openssl(self, *arguments):
        subprocess.run(("openssl",) + arguments, check=True, capture_output=True)
