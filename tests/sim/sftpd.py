"""Debian's OpenSSH as an SFTP server of the test's own: own keys, own port, loopback, one folder."""
import contextlib
import getpass
import os
import shutil
import signal
import subprocess

from sim import process, wait

SSHD, KEYGEN = "/usr/sbin/sshd", "ssh-keygen"


def is_installed():
    """And allowed: a plain user's sshd lets only himself in, which is enough."""
    return os.access(SSHD, os.X_OK) and shutil.which(KEYGEN) is not None


class Sftpd:
    """
    root   the folder in which everybody who logs in begins
    """

    def __init__(self, folder):
        self.folder = os.path.join(str(folder), "sftpd")
        self.root = os.path.join(self.folder, "files")
        os.makedirs(self.root)
        self.port = wait.free_port()
        self.user = getpass.getuser()
        self.process = None
        self.make_host_key()
        self.key = self._keygen("client")
        shutil.copy(self.key + ".pub", self.folder + "/authorized_keys")
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)  # where sshd leaves its privileges

    def make_host_key(self):
        """Another one than before, from the next start on."""
        self.host_key_file = self._keygen("host")

    def host_key(self):
        """As `auth.host_key` wants it."""
        words = subprocess.run([KEYGEN, "-lf", self.host_key_file + ".pub"], check=True,
                               capture_output=True, text=True).stdout.split()
        return words[1].removeprefix("SHA256:")

    def _keygen(self, name):
        path = os.path.join(self.folder, name)
        for old in (path, path + ".pub"):
            if os.path.exists(old):
                os.unlink(old)
        subprocess.run([KEYGEN, "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
        return path

    def start(self):
        config = self.folder + "/sshd_config"
        with open(config, "w") as out:
            out.write("\n".join([
                "ListenAddress 127.0.0.1", "Port %d" % self.port,
                "HostKey " + self.host_key_file, "PidFile none", "StrictModes no", "UsePAM no",
                "AuthorizedKeysFile %s/authorized_keys" % self.folder,
                "PasswordAuthentication no", "KbdInteractiveAuthentication no",
                "PermitRootLogin yes", "MaxStartups 100", "LogLevel VERBOSE",
                "Subsystem sftp internal-sftp -d " + self.root,
                "ForceCommand internal-sftp -d " + self.root]) + "\n")
        with open(self.folder + "/log", "a") as log:
            self.process = process.spawn([SSHD, "-D", "-e", "-f", config], stdout=log, stderr=log)
        wait.until(lambda: self.process.poll() is not None or wait.is_listening(self.port),
                   what="sshd listening on port %d" % self.port)
        if self.process.poll() is not None:
            raise RuntimeError("sshd did not start: " + self.log())
        return self

    def log(self):
        with open(self.folder + "/log", errors="replace") as text:
            return text.read()

    def kill(self):
        """All of it, whoever is logged in."""
        if self.process and self.process.poll() is None:
            self._halt()  # nobody new while the others end
            for child in self._children(self.process.pid):
                try:
                    os.kill(child, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self.process.kill()
            self.process.wait()
        self.process = None

    def stall(self):
        """It stands still, and so does whoever is logged in; until kill()."""
        self._halt()
        for pid in self._children(self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)

    def _halt(self):
        """Stopped, not only told to stop: a child that it made in between would keep its port."""
        self.process.send_signal(signal.SIGSTOP)
        wait.until(lambda: self._state() in "TZ", what="sshd stopped")

    def _state(self):
        with open("/proc/%d/stat" % self.process.pid) as text:
            return text.read().rpartition(")")[2].split()[0]

    @staticmethod
    def _children(pid):
        found, left = [], [pid]
        while left:
            try:
                with open("/proc/%d/task/%d/children" % (left[0], left[0])) as children:
                    mine = [int(word) for word in children.read().split()]
            except FileNotFoundError:
                mine = []
            found += mine
            left = left[1:] + mine
        return found
