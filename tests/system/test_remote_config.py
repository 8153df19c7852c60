"""Configuration from afar: by topic, by URL, by hand; what is refused, and how that is seen."""
import json
import os
import pty
import re
import shutil
import subprocess
import tempfile
import threading

import pytest

from sim import wait
from sim.agent import ROOT, merge
from sim.contract import Contract
from sim.desk import Desk, Key, Shelf, base64url, document, topic
from sim.site import destination, receipt
from sim.tls import Certificates

DOCUMENT = Contract("asyncapi.yaml")
DEBUG, INFO = {"log": {"level": "debug"}}, {"log": {"level": "info"}}


def fleet(**more):
    return merge({"allow": ["log", "destinations", "routes"], "probation": "1s"}, more)


def desk_of(site):
    return Desk(site.device("fleet-desk", also=[topic("reported"), "dray/v1/dc-sim-1/status"]))


def rows(agent):
    """The history, oldest first."""
    return [(row["revision"], row["origin"], row["result"])
            for row in reversed(agent.ask("config", "history")["items"])]


def each_once(reports):
    return [json.loads(text) for text in dict.fromkeys(map(json.dumps, reports))]


def lines(agent, words):
    return [line for line in agent.log().splitlines() if words in line]


# --- by topic ------------------------------------------------------------------------------------


@pytest.mark.smoke
def test_what_is_desired_is_tried_kept_and_reported(site):
    desk = desk_of(site)
    desk.publish(document(7, DEBUG))
    agent = site.agent(fleet=fleet())
    said = desk.hear_last(7, "confirmed")
    assert said["revision"] == 7 and said["state"] == "good" and said["origin"] == "topic"
    states = [report["state"] for report in desk.reports()]
    assert states[-2:] == ["probation", "good"]
    for report in desk.reports():
        DOCUMENT.validate(report, {"$ref": "#/components/schemas/reported"})
    status = json.loads(desk.device.hear(
        lambda heard: heard.topic.endswith("/status") and b'"config_revision":7' in heard.payload).payload)
    DOCUMENT.validate(status, {"$ref": "#/components/schemas/agent"})
    assert rows(agent) == [(None, "files", "confirmed"), (7, "topic", "probation"),
                           (7, "topic", "confirmed")]


def test_what_is_retained_comes_with_each_connection_and_makes_no_noise(site):
    desk = desk_of(site)
    agent = site.agent(fleet=fleet())
    desk.publish(document(7, DEBUG))
    desk.hear_last(7, "confirmed")
    known, told = rows(agent), len(desk.reports())
    for _ in range(2):
        agent.kill9()
        agent.start()
        wait.until(lambda: len(desk.reports()) > told, what="a report at the connection")
        told = len(desk.reports())
    site.broker.kill()
    desk.device.forget()
    site.broker.start()  # it remembers nothing
    desk.hear_last(7, "confirmed")
    desk.publish(document(7, DEBUG))
    desk.publish("")  # nothing is retained any more
    desk.publish(document(8, INFO))
    desk.hear_last(8, "confirmed")
    assert rows(agent) == known + [(8, "topic", "probation"), (8, "topic", "confirmed")]
    assert not lines(agent, "configuration refused")
    assert [(report["last"]["revision"], report["last"]["result"])
            for report in each_once(desk.reports())] == [
        (7, "confirmed"), (8, "probation"), (8, "confirmed")]


def test_without_a_fleet_section_nothing_is_heard_and_with_one_it_is_by_a_reload(site):
    desk = desk_of(site)
    desk.publish(document(7, DEBUG))
    agent = site.agent()
    assert agent.ctl("config", "show").stdout.startswith("dc-sim-1  the files  no fleet section\n")
    agent.reload({**agent.config, "fleet": fleet()})
    desk.hear_last(7, "probation")


def test_each_refusal_is_said_with_its_reason_and_once(site):
    key, other = Key(site.folder), Key(site.folder, "other")
    desk = desk_of(site)
    agent = site.agent(fleet=fleet(public_key=key.public))
    desk.publish(key.sign(document(5, DEBUG)))
    desk.hear_last(5, "confirmed")
    good = key.sign(document(6, INFO))
    changed = {**good, "payload": base64url(json.dumps(document(6, DEBUG)).encode())}
    cases = [
        (document(6, INFO), 0, "signature: missing: fleet.public_key is set"),
        (changed, 0, "signature: does not fit"),
        (key.sign(document(6, INFO), {"alg": "none"}), 0, "protected.alg: must be EdDSA"),
        (other.sign(document(6, INFO)), 0, "signature: does not fit"),
        (b"{ it is a nice day", 0, "signature: missing"),
        (key.sign(b'{"site": "dc-sim-1",\n "revision": 6,}'), 0, "at line 2 column"),
        (key.sign(document(6, INFO, site="dc-ber-1")), 6,
         'site: is for "dc-ber-1", not for this site, "dc-sim-1"'),
        (key.sign(document(6, {"mqtt": {"port": 1}})), 6,
         "config.mqtt: may not be changed from afar; fleet.allow names what may"),
        (key.sign(document(6, {"log": {"level": "loud"}})), 6, "log.level: must be one of"),
        (key.sign(document(6, {"log": {"colour": 1}})), 6, "log.colour: unknown key"),
        (key.sign({**document(6, INFO), "also": 1}), 6, "also: unknown member"),
        (key.sign(document(6, {"log": {"level": "x" * (1 << 20)}})), 0, "larger than 1048576 bytes"),
        (key.sign(document(4, INFO)), 4,
         "revision: 4 was here before; a change needs a number above 5"),
        (key.sign(document(5, INFO)), 5,
         "revision: 5 was here before (confirmed); a change needs a number above 5"),
    ]
    for n, (what, number, words) in enumerate(cases):
        for _ in range(2):
            desk.publish(what)
        said = desk.hear(lambda report: words in report["last"]["reason"], what=words)
        assert said["state"] == "refused" and said["revision"] == 5
        assert said["last"]["revision"] == (number or None) and said["last"]["origin"] == "topic"
        DOCUMENT.validate(said, {"$ref": "#/components/schemas/reported"})
        table = agent.ctl("config", "history").stdout.splitlines()
        assert re.search(r"%s +topic +refused +.*%s" % ("revision %d" % number if number else "a document",
                                                        re.escape(words)), table[1]), table[:3]
    assert len(lines(agent, "configuration refused, ")) == len(cases)
    assert len(rows(agent)) == 3 + len(cases)
    desk.publish(key.sign(document(6, INFO)))
    desk.hear_last(6, "probation")


def test_one_that_lacked_a_credential_is_looked_at_again_when_it_is_there(site):
    shelf = shelf_of(site)
    tms = destination(site.cloud(), auth={"type": "bearer", "token": {"file": "tms-token"}})
    desk = desk_of(site)
    agent = site.agent(fleet=fleet(url=shelf.url, every="1s"))
    desk.publish(document(7, {"destinations": {"tms": tms}}))
    missing = "destinations.tms.auth.token: the secret in the file "
    desk.hear(lambda report: report["last"]["reason"].startswith(missing))
    (site.folder / "tms-token").write_text("for-the-tms")
    agent.reload()
    assert desk.hear_last(7, "probation")["origin"] == "topic"
    (site.folder / "tms-token").unlink()
    shelf.put(document(8, {"destinations": {"tms": {**tms, "timeout": "9s"}}}), '"eight"')
    assert desk.hear_last(8, "refused")["last"]["origin"] == "url"
    (site.folder / "tms-token").write_text("for-the-tms")
    agent.reload()
    assert desk.hear_last(8, "probation")["origin"] == "url"
    desk.device.send(document(9, {}), topic=desk.desired)  # behind 7, which is retained still
    desk.hear_last(9, "probation")
    assert rows(agent).count((7, "topic", "refused")) == 1


# --- by URL --------------------------------------------------------------------------------------


def shelf_of(site, **options):
    return site._keep(Shelf(**options), "stop")


def test_a_document_at_a_url_is_asked_for_by_its_tag(site):
    tls = Certificates(site.folder)
    shelf = shelf_of(site, tls=tls)
    (site.folder / "fleet-token").write_text("of-the-fleet")
    shelf.token = "of-the-fleet"
    shelf.put(document(7, DEBUG), '"seven"')
    desk = desk_of(site)
    agent = site.agent(fleet=fleet(url=shelf.url, every="1s", tls={"ca": tls.ca},
                                   token={"file": "fleet-token"}))
    said = desk.hear_last(7, "confirmed")
    assert said["origin"] == "url"
    shelf.wait_answered(304)
    assert shelf.asked[-1]["if-none-match"] == '"seven"'
    shelf.put(document(8, INFO), '"eight"')
    desk.hear_last(8, "confirmed")
    assert rows(agent)[1:] == [(n, "url", result) for n in (7, 8)
                               for result in ("probation", "confirmed")]
    assert not lines(agent, "fleet.url") and not lines(agent, "configuration refused")


@pytest.mark.heavy
def test_a_url_that_fails_is_told_of_once_and_heals(site):
    shelf = shelf_of(site)
    desk = desk_of(site)
    agent = site.agent(fleet=fleet(url=shelf.url, every="1s"))
    shelf.wait_answered(404)
    shelf.status = 500
    shelf.wait_answered(500, 2)
    assert len(lines(agent, "has no document for this site")) == 1
    assert len(lines(agent, 'gives no document, trying again why="it answers 500"')) == 1
    assert "url       gives no document: it answers 500\n" in agent.ctl("config", "show").stdout
    shelf.put(b"x" * (2 << 20))
    desk.hear(lambda report: "larger than 1048576 bytes" in report["last"]["reason"])
    shelf.put(document(7, DEBUG), '"seven"')
    desk.hear_last(7, "probation")
    assert len(lines(agent, "gives its document again")) == 1


@pytest.mark.heavy
def test_a_server_that_nobody_vouches_for_is_not_believed(site):
    shelf = shelf_of(site, tls=Certificates(site.folder))
    shelf.put(document(7, DEBUG))
    agent = site.agent(fleet=fleet(url=shelf.url, every="1s"))
    wait.until(lambda: lines(agent, "gives no document"), what="the refusal")
    assert "certificate" in lines(agent, "gives no document")[0]
    assert shelf.asked == []
    assert agent.ask("config", "show")["revision"] is None


# --- by hand -------------------------------------------------------------------------------------


def write(site, name, what):
    path = site.folder / name
    path.write_text(what if isinstance(what, str) else json.dumps(what))
    return path


class InThread:
    def __init__(self, function, *arguments, **options):
        self.results = []
        self.thread = threading.Thread(
            target=lambda: self.results.append(function(*arguments, **options)), daemon=True)
        self.thread.start()

    def result(self):
        self.thread.join(60)
        return self.results[0]


def on_terminal(agent, *arguments):
    """(exit status, what stood on the terminal)"""
    master, slave = pty.openpty()
    shown = []

    def read():
        try:
            while chunk := os.read(master, 65536):
                shown.append(chunk)
        except OSError:
            pass
    reader = threading.Thread(target=read)
    reader.start()
    done = subprocess.run([agent.drayctl, "--socket", agent.socket, *map(str, arguments)],
                          stdout=slave, stderr=slave, timeout=60)
    os.close(slave)
    reader.join(10)
    os.close(master)
    return done.returncode, b"".join(shown).decode()


@pytest.mark.heavy
def test_apply_waits_until_it_is_known_whether_it_is_any_good(site):
    erp, strict = site.cloud(), site.cloud("strict")
    strict.faults({"do": "status", "status": 401})
    agent = site.agent({"erp": destination(erp)}, fleet=fleet(probation="5s"))
    good = write(site, "good.json", document(1, DEBUG))
    bad = write(site, "bad.json", document(2, {"destinations": {"erp": {"url": strict.url}}}))
    desk, trying = desk_of(site), InThread(on_terminal, agent, "config", "apply", good, "--wait")
    wait.until(lambda: agent.ask("config", "show")["revision"] == 1, what="revision 1 in force")
    desk.device.send(document(1, INFO), topic=desk.desired)  # says nothing of the one that is tried
    desk.hear_last(1, "refused")
    status, shown = trying.result()
    assert status == 0 and re.search("revision 1 is on probation, [1-5]s left", shown)
    assert "revision 1 is confirmed\r\n" in shown
    site.device().send(receipt("e1"))
    trying = InThread(agent.ctl, "config", "apply", bad, "--wait", check=False)
    wait.until(lambda: agent.ask("config", "show")["revision"] == 2, what="revision 2 in force")
    site.device("tc52-0043").send(receipt("e2"))
    done = trying.result()
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("drayctl: revision 2 is rolled back: destination erp holds")
    assert "rolled_back" in agent.ctl("status").stdout
    assert agent.ask("config", "show")["revision"] == 1
    again = agent.ctl("config", "apply", bad, check=False)
    assert again.returncode == 1 and "revision: 2 was here before (rolled_back)" in again.stderr
    known = rows(agent)
    desk.publish(bad.read_text())
    desk.publish(document(3, INFO))
    desk.hear_last(3, "probation")
    assert rows(agent)[:len(known) + 1] == known + [(3, "topic", "probation")]


def test_rollback_goes_back_and_there_is_a_limit_to_that(site):
    agent = site.agent(fleet=fleet())
    nothing = agent.ctl("config", "rollback", check=False)
    assert nothing.returncode == 1 and "no configuration to go back to" in nothing.stderr
    agent.ctl("config", "apply", write(site, "d.json", document(1, DEBUG)), "--wait")
    assert agent.ctl("config", "rollback", "--wait").stdout == "the files is confirmed\n"
    assert agent.ask("config", "show")["config"].get("log") is None


def test_show_and_diff_say_what_is_and_what_would_be(site):
    agent = site.agent({"erp": destination(site.cloud())}, fleet=fleet(),
                       timezone="Europe/Berlin")
    agent.ctl("config", "apply", write(site, "d.json", document(12, DEBUG)), "--wait")
    shown = agent.ctl("config", "show").stdout
    assert re.match(r"dc-sim-1  revision 12 by apply  good\n"
                    r"last      [0-9: -]+  revision 12 by apply: confirmed\n"
                    r"before    the files \(drayctl config rollback\)\n"
                    r"files     sha256 [0-9a-f]{64}\n\n\{\n", shown), shown
    assert json.loads(agent.ctl("config", "show", "--desired").stdout) == DEBUG
    assert json.loads(agent.ctl("config", "show", "--files").stdout) == agent.config
    assert json.loads(agent.ctl("config", "show", "--effective").stdout) == {**agent.config, **DEBUG}
    change = document(13, {"destinations": {"erp": {"timeout": "9s", "vars": None},
                                            "x.y": {"url": "https://tms.example.com"}}})
    differs = agent.ctl("config", "diff", write(site, "c.json", change), check=False)
    assert differs.returncode == 1 and differs.stdout.splitlines() == [
        '+ destinations."x.y".url = "https://tms.example.com"',
        '- destinations.erp.timeout = "20s"',
        '+ destinations.erp.timeout = "9s"',
        '- destinations.erp.vars.path = "/events"',
        '- log.level = "debug"']
    assert agent.ask("config", "diff", site.folder / "c.json")["changes"][1] == {
        "path": "destinations.erp.timeout", "before": "20s", "after": "9s"}
    assert agent.ctl("config", "diff", site.folder / "d.json").stdout == ""
    mine = agent.ctl("config", "diff", agent.path, check=False)
    assert mine.stdout == '- log.level = "debug"\n'
    broken = agent.ctl("config", "diff", write(site, "b.json", '{\n "site": }'), check=False)
    assert broken.returncode == 2 and "at line 2 column" in broken.stderr


def test_check_asks_whoever_knows(site):
    agent = site.agent({"erp": destination(site.cloud())}, fleet=fleet())
    files = agent.ctl("config", "check", "--config", agent.path).stdout
    assert files == agent.path + ": configuration is fine\n"
    fine = write(site, "d.json", document(1, DEBUG))
    assert agent.ctl("config", "check", fine).stdout == "%s: would be taken, as revision 1\n" % fine
    wrong = write(site, "w.json", document(1, {"routes": {"all": {"to": ["nobody"]}}}))
    refused = agent.ctl("config", "check", wrong, "--json", check=False)
    assert refused.returncode == 1 and json.loads(refused.stdout)["field"].startswith("routes.all")
    assert agent.ask("config", "history")["items"][0]["revision"] is None
    agent.stop()
    assert agent.ctl("config", "check", "--config", agent.path).returncode == 0
    loud = write(site, "loud.json", {**agent.config, "log": {"level": "loud"}})
    said = agent.ctl("config", "check", loud, "--json", check=False)
    assert said.returncode == 1 and json.loads(said.stdout) == {
        "fine": False, "field": "log.level", "detail": said.stderr.split("log.level: ")[1].strip()}
    assert agent.ctl("config", "check", fine, check=False).returncode == 3


def test_what_drayctl_signs_openssl_verifies_and_the_agent_takes(site):
    key = Key(site.folder)
    agent = site.make_agent(fleet=fleet(public_key=key.public))
    public = agent.ctl("config", "sign", "--key", key.path, "--print-public-key").stdout.strip()
    agent.write_config(merge(agent.config, {"fleet": {"public_key": public}}))
    agent.start()
    change = write(site, "change.json", {"config": DEBUG})
    signed = agent.ctl("config", "sign", "--key", key.path, "--site", "dc-sim-1", "--revision", 3,
                       change).stdout
    assert key.verifies(json.loads(signed))
    agent.ctl("config", "apply", write(site, "signed.json", signed), "--wait")
    assert agent.ask("config", "show")["desired"] == DEBUG
    unsigned = agent.ctl("config", "apply", write(site, "d.json", document(4, INFO)), check=False)
    assert unsigned.returncode == 1 and "drayctl config sign" in unsigned.stderr
    again = agent.ctl("config", "sign", "--key", key.path, "--revision", 4,
                      site.folder / "signed.json").stdout
    assert key.verifies(json.loads(again)) and again != signed


def test_sign_refuses_keys_and_documents_that_are_no_good(site):
    key = Key(site.folder)
    agent = site.make_agent()
    fine = write(site, "d.json", document(1, DEBUG))
    for name, arguments in {"x25519": ("-algorithm", "x25519"),
                            "locked": ("-algorithm", "ed25519", "-aes256", "-pass", "pass:x")}.items():
        subprocess.run(["openssl", "genpkey", *arguments, "-out", site.folder / name], check=True,
                       capture_output=True)
    readable = site.folder / "readable"
    readable.write_text(open(key.path).read())
    readable.chmod(0o640)
    no_key = write(site, "no-key", "-----BEGIN CERTIFICATE-----\n")
    no_key.chmod(0o600)
    for path, words in ((site.folder / "x25519", "is no Ed25519 key"), (no_key, "no private key"),
                        (site.folder / "locked", "is encrypted"), (readable, "(mode 0640)"),
                        (site.folder / "none", "No such file")):
        done = agent.ctl("config", "sign", "--key", path, fine, check=False)
        assert done.returncode == 2 and words in done.stderr and not done.stdout, done.stderr
    for what, words in (({"config": {}}, "site: must be a site's name"),
                        ({"site": "a", "config": {}}, "revision: must be a whole number"),
                        ({"site": "a", "revision": 1}, "config: must be an object"),
                        ({**document(1, {}), "x": 1}, "x: unknown member"), ("[", "at line 1")):
        done = agent.ctl("config", "sign", "--key", key.path, write(site, "w.json", what), check=False)
        assert done.returncode == 2 and words in done.stderr and not done.stdout, done.stderr
    zero = agent.ctl("config", "sign", "--key", key.path, "--revision", "0", fine, check=False)
    assert zero.returncode == 2 and "--revision 0" in zero.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_who_is_only_in_the_group_changes_no_configuration(site, request):
    folder = tempfile.mkdtemp(prefix="dray-")  # where others may go: pytest's folders are its user's
    request.addfinalizer(lambda: shutil.rmtree(folder))
    os.chmod(folder, 0o755)
    agent = site.agent(fleet=fleet(), control={"socket": os.path.join(folder, "s")})
    asking = """
import http.client, socket, sys
for method, path in (("GET", "/v1/config"), ("POST", "/v1/config/apply"), ("POST", "/v1/config/check"),
                     ("POST", "/v1/config/rollback"), ("POST", "/v1/backup")):
    call = http.client.HTTPConnection("drayd")
    call.sock = socket.socket(socket.AF_UNIX)
    call.sock.connect(sys.argv[1])
    call.request(method, path, "{}" if method == "POST" else None)
    print(call.getresponse().status, end=" ")
"""
    said = subprocess.run(["/usr/bin/python3", "-c", asking, agent.socket], user=65534, group=0,
                          extra_groups=[], cwd="/", capture_output=True, text=True, timeout=240)
    assert said.stdout == "200 403 403 403 403 ", said
