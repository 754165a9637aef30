"""Programs that other people wrote, through a tcp tunnel whose link is cut while they work: they notice nothing."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import threading
from collections.abc import Callable

from tests.e2e.case import EndToEndTests
from tests.e2e.stage import RUN_DEADLINE, Finished, program
from tests.e2e.tcp_services import (
    Service,
    postgres_program,
    ssh_options,
    start_iperf3,
    start_mariadb,
    start_mosquitto,
    start_postgres,
    start_redis,
    start_sshd,
)
from tests.e2e.tcp_stage import TcpStage, accept, listener


class ProgramCase(EndToEndTests):
    """``cuts`` is how often the link is cut while a program works."""

    cuts = 3

    def through(self, start: Callable[[], Service]) -> tuple[Service, TcpStage]:
        """A service, and a tunnel to it."""
        service = start()
        self.addCleanup(service.close)
        stage = TcpStage({"it": service.port})
        self.addCleanup(stage.close)
        return service, stage

    def work(self, stage: TcpStage, argv: list[str], stdin: bytes = b"", cuts: int | None = None) -> Finished:
        """Run a program to its end, and cut the link while it runs."""
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        errors: list[BaseException] = []

        def cut() -> None:
            try:
                stage.cut(self.cuts if cuts is None else cuts)
            except BaseException as error:
                errors.append(error)

        cutting = threading.Thread(target=cut)
        cutting.start()
        try:
            out, err = process.communicate(stdin, timeout=RUN_DEADLINE)
        finally:
            process.kill()
            cutting.join()
        self.assertEqual(errors, [])
        self.assertEqual(process.returncode, 0, (argv, out[-2000:], err[-2000:]))
        return Finished(process.returncode, out, err.decode("utf-8", "replace"))


class PostgresTests(ProgramCase):
    def test_pgbench(self) -> None:
        _, stage = self.through(start_postgres)
        host = ["-h", "127.0.0.1", "-p", str(stage["it"]), "-U", "postgres"]
        pgbench = postgres_program("pgbench")
        self.work(stage, [pgbench, *host, "-i", "-q", "-s", "1", "postgres"])
        done = self.work(stage, [pgbench, *host, "-c", "4", "-j", "2", "-T", "3", "postgres"])
        self.assertIn(b"number of failed transactions: 0", done.output)
        done = self.work(
            stage, [program("psql"), *host, "-Atc", "select count(*) from pgbench_accounts", "postgres"], cuts=0
        )
        self.assertEqual(done.output, b"100000\n")


class RedisTests(ProgramCase):
    def test_benchmark_and_pipe(self) -> None:
        _, stage = self.through(start_redis)
        host = ["-h", "127.0.0.1", "-p", str(stage["it"])]
        done = self.work(
            stage, [program("redis-benchmark"), *host, "-n", "5000", "-c", "20", "-q", "--csv", "-t", "set,get,lpush"]
        )
        self.assertEqual(done.output.count(b"\n"), 4)
        commands = b"".join(b"SET key:%d %d\r\n" % (number, number) for number in range(50_000))
        done = self.work(stage, [program("redis-cli"), *host, "--pipe"], commands)
        self.assertIn(b"errors: 0, replies: 50000", done.output)
        done = self.work(stage, [program("redis-cli"), *host, "dbsize"], cuts=0)
        self.assertGreaterEqual(int(done.output), 50_000)

    def test_messages(self) -> None:
        """A subscriber who is idle over cuts, and gets every message after it."""
        _, stage = self.through(start_redis)
        host = ["-h", "127.0.0.1", "-p", str(stage["it"])]
        subscriber = subprocess.Popen([program("redis-cli"), *host, "subscribe", "news"], stdout=subprocess.PIPE)
        self.addCleanup(subscriber.wait)
        self.addCleanup(subscriber.kill)
        assert subscriber.stdout is not None
        self.assertEqual([subscriber.stdout.readline() for _ in range(3)][1], b"news\n")
        stage.cut()
        published = b"".join(b"publish news %d\n" % number for number in range(200))
        self.work(stage, [program("redis-cli"), *host], published)
        lines = [subscriber.stdout.readline() for _ in range(3 * 200)]
        self.assertEqual(lines[2::3], [b"%d\n" % number for number in range(200)])


class SshTests(ProgramCase):
    def test_scp_and_single_bytes(self) -> None:
        service, stage = self.through(start_sshd)
        options = ssh_options(service)
        data = os.urandom(1 << 20) * 32
        source, target = service.folder / "source", service.folder / "target"
        source.write_bytes(data)
        self.work(stage, [program("scp"), *options, "-P", str(stage["it"]), str(source), f"127.0.0.1:{target}"])
        self.assertEqual(hashlib.sha256(target.read_bytes()).digest(), hashlib.sha256(data).digest())
        target.unlink()
        self.work(stage, [program("scp"), *options, "-P", str(stage["it"]), f"127.0.0.1:{source}", str(target)])
        self.assertEqual(target.read_bytes(), data)
        shell = subprocess.Popen(
            [program("ssh"), *options, "-p", str(stage["it"]), "127.0.0.1", "cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        self.addCleanup(shell.wait)
        self.addCleanup(shell.kill)
        assert shell.stdin is not None and shell.stdout is not None
        for number in range(200):
            byte = bytes((number,))
            shell.stdin.write(byte)
            self.assertEqual(shell.stdout.read(1), byte)
            if number % 70 == 69:
                stage.cut()
        shell.stdin.close()
        self.assertEqual((shell.stdout.read(), shell.wait(20)), (b"", 0))


class MosquittoTests(ProgramCase):
    def test_every_message(self) -> None:
        """At quality 1: each at least once; here, where no connection is lost, exactly once and in order."""
        _, stage = self.through(start_mosquitto)
        host = ["-h", "127.0.0.1", "-p", str(stage["it"]), "-q", "1", "-t", "news"]
        subscriber = subprocess.Popen([program("mosquitto_sub"), *host, "-C", "501"], stdout=subprocess.PIPE)
        self.addCleanup(subscriber.wait)
        self.addCleanup(subscriber.kill)
        assert subscriber.stdout is not None
        self.work(stage, [program("mosquitto_pub"), *host, "-r", "-m", "retained"], cuts=0)
        self.assertEqual(subscriber.stdout.readline(), b"retained\n")
        lines = [b"message %d\n" % number for number in range(500)]
        self.work(stage, [program("mosquitto_pub"), *host, "-l"], b"".join(lines))
        self.assertEqual(subscriber.stdout.readlines(), lines)


class IperfTests(ProgramCase):
    def test_both_ways(self) -> None:
        for way in ([], ["--reverse"], ["--bidir"]):
            _, stage = self.through(start_iperf3)  # one for each: it is busy until it has seen the last client leave
            argv = [program("iperf3"), "-c", "127.0.0.1", "-p", str(stage["it"]), "-t", "1", "--json", *way]
            said = json.loads(self.work(stage, argv, cuts=1).output)
            self.assertNotIn("error", said)
            self.assertGreater(said["end"]["sum_received"]["bytes"], 1 << 20)


class SmtpTests(ProgramCase):
    def test_a_mail(self) -> None:
        """The server speaks first, and answers each command by itself."""
        letters: list[bytes] = []
        listening = listener()
        self.addCleanup(listening.close)
        stage = TcpStage({"it": listening.getsockname()[1]})
        self.addCleanup(stage.close)

        def serve() -> None:
            with accept(listening) as connection, connection.makefile("rb") as lines:
                connection.sendall(b"220 mail.test ESMTP\r\n")
                for line in lines:
                    word = line[:4].upper().strip()
                    if word == b"DATA":
                        connection.sendall(b"354 go on\r\n")
                        letters.append(b"".join(iter(lines.readline, b".\r\n")))
                        stage.cut()
                    connection.sendall(b"221 bye\r\n" if word == b"QUIT" else b"250 fine\r\n")

        serving = threading.Thread(target=serve)
        serving.start()
        letter = b"Subject: news\r\n\r\n" + b"A line of a letter.\r\n" * 20_000
        url = f"smtp://127.0.0.1:{stage['it']}"
        people = ["--mail-from", "a@example.org", "--mail-rcpt", "b@example.org"]
        self.work(stage, [program("curl"), "-sS", "--noproxy", "*", url, *people, "--upload-file", "-"], letter, cuts=0)
        serving.join()
        self.assertEqual(letters, [letter])


class MariaDbTests(ProgramCase):
    def test_the_server_greets_first(self) -> None:
        _, stage = self.through(start_mariadb)
        argv = [
            program("mariadb"),
            "--no-defaults",
            "-h",
            "127.0.0.1",
            "-P",
            str(stage["it"]),
            "-u",
            "root",
            "--skip-ssl",
        ]
        query = "select length(repeat('x', 16000000)); select sleep(0.5), 7 * 6"
        done = self.work(stage, [*argv, "-N", "-e", query], cuts=2)
        self.assertEqual(done.output, b"16000000\n0\t42\n")
